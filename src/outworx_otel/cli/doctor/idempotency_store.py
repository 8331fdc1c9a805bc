"""Whether the idempotency store is there, and whether two claims of one key can both win."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem, warning
from outworx_otel.cli.doctor.source_scan import STORE, SourceLine, listed

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup
    from outworx_otel.idempotency import Claim, IdempotencyStore

CHECK: Final = "idempotency"
_LEASE: Final = 10.0
_SLOW: Final = 0.1
_TIMEOUT_SECONDS: Final = 2.0
_CONTESTS: Final = 10
_AT_ONCE: Final = 4


def store(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Reachable, atomic, and quick enough for a delivery to wait for."""
    from outworx_otel.errors import StoreError
    from outworx_otel.idempotency import MemoryStore, TransactionStore, open_store

    found = setup.assembly.store
    yield from _several(setup)
    if _in_code(setup) and not setup.stores:
        return
    used = [
        pattern
        for pattern, endpoint in setup.endpoints.items()
        if endpoint.options.idempotency_key is not None
    ]
    if isinstance(found, MemoryStore):
        text = f"keys are kept in each process's memory ({setup.store_source})"
        if used:
            yield warning(
                CHECK,
                f"{text}: two workers do not know of each other's, and a restart forgets them",
                "with more than one worker set OUTWORX_IDEMPOTENCY_STORE to redis://, postgresql+psycopg://, "
                "outworx:// or sqlite:///",
            )
        else:
            yield hint(CHECK, f"{text}; no endpoint that is configured here uses them")
        return
    if isinstance(found, TransactionStore):
        yield hint(
            CHECK,
            f"keys are kept in the application's own transactions ({found}, {setup.store_source}), which are not "
            "tried here: the code is not run",
        )
        return
    try:
        # More time than a delivery gives it: a slow store is not a missing one.
        found = open_store(setup.configuration.store_url or "memory://", budget=_TIMEOUT_SECONDS)
        assert not isinstance(found, TransactionStore)
        found.check()
    except StoreError as error:
        yield problem(
            CHECK,
            f"{error} ({setup.store_source})",
            "start it, or correct the URL; until then deliveries run unprotected, or get a 503 where "
            'idempotency_on_store_error = "reject"',
        )
        return
    try:
        yield from _atomicity(found)
    except StoreError as error:
        yield problem(
            CHECK,
            f"it is there, but an operation failed: {error}",
            "is it writable, and the primary? A delivery waits 250 ms for each operation",
        )
    finally:
        found.close()


def _several(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """The places that name a store: one counts, and keys in another are not seen."""
    advice = "name one: processes that share deliveries must share a store"
    if len(set(setup.stores.values())) > 1:
        yield warning(
            CHECK,
            f"{' and '.join(setup.stores)} name different stores: the first counts, keys in the other are not seen",
            advice,
        )
    in_code = _in_code(setup)
    if not in_code:
        return
    if not setup.stores:
        yield hint(
            CHECK, f"{listed(in_code)} gives {STORE} in code, which is not tried here: the code is not run"
        )
    elif any(place.value not in setup.stores.values() for place in in_code):
        yield warning(
            CHECK,
            f"{listed(in_code)} gives {STORE} in code, which counts before {setup.store_source}; only the latter is "
            "tried here",
            advice,
        )


def _in_code(setup: ConfiguredSetup) -> list[SourceLine]:
    return [place for place in setup.source_lines if place.name == STORE]


def _atomicity(found: IdempotencyStore) -> Iterator[CheckResult]:
    from outworx_otel.idempotency import Claimed, InProgress

    key, first, second = (f"outworx-doctor-{random.token_hex(16)}" for _ in range(3))
    times: list[float] = []

    def claim(token: str) -> Claim:
        began = time.monotonic()
        answer = found.claim(key, token, _LEASE)
        times.append(time.monotonic() - began)
        return answer

    mine = claim(first)
    try:
        theirs = claim(second)
    finally:
        released = found.release(key, first)
    after = claim(second)
    found.release(key, second)
    winners = _contest(found)
    # The first may have had to connect.
    taken = min(times)
    if not isinstance(mine, Claimed) or not isinstance(theirs, InProgress) or winners > 1:
        yield problem(
            CHECK,
            "two claims of one key both won: duplicates would run side by side",
            "is something between here and the store, such as a proxy that reads from replicas?",
        )
    elif not released or not isinstance(after, Claimed):
        yield problem(
            CHECK,
            "a key that was released could not be claimed again",
            "is the store writable, and the primary?",
        )
    elif taken > _SLOW:
        yield warning(
            CHECK,
            f"{found}: of two claims of one key one wins, but a claim took {taken * 1000:.0f} ms, and a delivery "
            "waits 250 ms at most",
            "bring the store nearer",
        )
    else:
        yield ok(
            CHECK, f"{found} is reachable, and of two claims of one key one wins ({taken * 1000:.1f} ms)"
        )


def _contest(found: IdempotencyStore) -> int:
    """The most claims that won where several came for one key at once, several times over.

    What a pooler or a replica breaks may show only there.
    """
    from outworx_otel.idempotency import Claimed

    most = 0
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in range(_CONTESTS):
            key, *tokens = (f"outworx-doctor-{random.token_hex(16)}" for _ in range(1 + _AT_ONCE))
            claims = list(threads.map(found.claim, repeat(key), tokens, repeat(_LEASE)))
            won = [token for token, claim in zip(tokens, claims, strict=True) if isinstance(claim, Claimed)]
            for token in won:
                found.release(key, token)
            most = max(most, len(won))
    return most
