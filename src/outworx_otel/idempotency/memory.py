"""`memory://`: keys of this process alone, bounded in number and in bytes."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from outworx_otel.idempotency.protocol import Claim, Claimed, Completed, InProgress
from outworx_otel.idempotency.record import StoredAnswer, decode, encode
from outworx_otel.process.forks import PerProcess, after_fork_in_child

logger = logging.getLogger("outworx_otel")

MAX_RECORDS: Final = 100_000
MAX_BYTES: Final = 128 * 1024 * 1024

FORGOTTEN_AFTER: Final = 3600.0
"""Seconds after its lease at which a record in progress is forgotten: its process is surely gone."""

RECORD_OVERHEAD: Final = 512
"""Bytes of a record beside its answer: key, token, objects and their place in the table (CPython 3.11: 400)."""

_SWEPT_PER_RECORD: Final = 2


class _Lease(msgspec.Struct, gc=False):
    token: str
    ends: float


class _KeptAnswer(msgspec.Struct, frozen=True, gc=False):
    token: str
    expires: float
    encoded: bytes


class MemoryStore:
    """A bounded least-recently-used store, safe for threads and tasks. Both faces are one: nothing here waits.

    A forked child begins empty. Every operation is O(1).

    Args:
        max_records: how many keys are remembered; answers go first, the least recently used before others, and keys
            in progress only where nothing else is left.
        max_bytes: how many bytes they may take, likewise.
        clock: seconds that never go back.
    """

    instant = True

    def __init__(
        self,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = PerProcess(lambda: threading.Lock())
        self.after_fork()
        after_fork_in_child(self.after_fork)
        _say_once()

    def after_fork(self) -> None:
        """Called in a forked child: begins empty."""
        self._leases: OrderedDict[str, _Lease] = OrderedDict()
        self._answers: OrderedDict[str, _KeptAnswer] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return "<MemoryStore memory://>"

    @property
    def records(self) -> int:
        """How many keys are remembered."""
        return len(self._leases) + len(self._answers)

    @property
    def bytes(self) -> int:
        """What the records take, about."""
        return self._bytes

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`."""
        now = self._clock()
        with self._lock():
            answer = self._answers.get(key)
            if answer is not None and answer.expires <= now:
                self._forget(key)
                answer = None
            if answer is None:
                held = self._leases.get(key)
                if held is not None:
                    if held.token != token and held.ends > now:
                        return InProgress(held.ends - now)
                    self._forget(key)
                self._forget_abandoned(now)
                self._leases[key] = _Lease(token, now + lease)
                self._bytes += RECORD_OVERHEAD
                if self._bytes > self._max_bytes or self.records > self._max_records:
                    self._make_room()
                return Claimed(token)
            self._answers.move_to_end(key)
        return Completed(decode(answer.encoded))

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""
        with self._lock():
            held = self._leases.get(key)
            if held is None or held.token != token:
                return False
            held.ends = self._clock() + lease
            self._leases.move_to_end(key)
            return True

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""
        encoded = encode(answer)
        with self._lock():
            held = self._leases.get(key)
            if held is None or held.token != token:
                stored = self._answers.get(key)
                return stored is not None and stored.token == token and stored.expires > self._clock()
            now = self._clock()
            self._forget_expired(now)
            del self._leases[key]
            self._answers[key] = _KeptAnswer(token, now + ttl, encoded)
            self._bytes += len(encoded)
            if self._bytes > self._max_bytes:
                self._make_room()
            return True

    def release(self, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""
        with self._lock():
            held = self._leases.get(key)
            if held is None or held.token != token:
                return False
            self._forget(key)
            return True

    async def aclaim(self, key: str, token: str, lease: float) -> Claim:
        """See `IdempotencyStore.aclaim`."""
        return self.claim(key, token, lease)

    async def arenew(self, key: str, token: str, lease: float) -> bool:
        """See `IdempotencyStore.arenew`."""
        return self.renew(key, token, lease)

    async def acomplete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `IdempotencyStore.acomplete`."""
        return self.complete(key, token, answer, ttl)

    async def arelease(self, key: str, token: str) -> bool:
        """See `IdempotencyStore.arelease`."""
        return self.release(key, token)

    def check(self) -> None:
        """See `IdempotencyStore.check`."""

    def warm(self) -> None:
        """See `IdempotencyStore.warm`."""

    def close(self) -> None:
        """See `IdempotencyStore.close`; there is nothing to let go of, and the keys stay."""

    def _forget(self, key: str) -> None:
        if self._leases.pop(key, None) is not None:
            self._bytes -= RECORD_OVERHEAD
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= RECORD_OVERHEAD + len(answer.encoded)

    def _forget_abandoned(self, now: float) -> None:
        for key, held in self._leases.items():
            if held.ends + FORGOTTEN_AFTER <= now:
                self._forget(key)
            return

    def _forget_expired(self, now: float) -> None:
        # They are met at the front, two for each answer that is added, so that they never pile up and no delivery
        # pays for more than its share.
        for _ in range(_SWEPT_PER_RECORD):
            for key, answer in self._answers.items():
                if answer.expires > now:
                    return
                self._forget(key)
                break

    def _make_room(self) -> None:
        while self._bytes > self._max_bytes or self.records > self._max_records:
            self._forget(next(iter(self._answers or self._leases)))


_said = False


def _say_once() -> None:
    global _said
    if not _said:
        _said = True
        logger.info(
            "idempotency keys are kept in memory, for this process alone: with several workers or machines, a retry "
            "that reaches another one runs the handler again; set idempotency_store to redis://..., "
            "postgresql+psycopg://... or sqlite:///..."
        )
