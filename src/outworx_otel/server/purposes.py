"""What an API key may do: its purposes, and how they are written before a key."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from outworx_otel.errors import ConfigurationError

_ALIKE: Final = 0.7


class Purpose(enum.Enum):
    """What a call does, and so what a key must be for.

    INGEST: sends telemetry, and claims idempotency keys. FORWARD: opens and serves tunnels. READ: reads what is kept.
    ADMIN: changes it: states, replays, deletion. A key for ADMIN reads, too.
    """

    INGEST = "ingest"
    FORWARD = "forward"
    READ = "read"
    ADMIN = "admin"


EVERY: Final = frozenset(Purpose)
_GIVES: Final[Mapping[str, frozenset[Purpose]]] = {
    **{purpose.value: frozenset({purpose}) for purpose in Purpose},
    Purpose.ADMIN.value: frozenset({Purpose.ADMIN, Purpose.READ}),
}
_DOES: Final = {
    Purpose.INGEST: "send telemetry",
    Purpose.FORWARD: "open tunnels",
    Purpose.READ: "read",
    Purpose.ADMIN: "change, replay and delete",
}


class GivenKey(NamedTuple):
    """A key, and what it is for."""

    key: str
    purposes: frozenset[Purpose]


def given_key(text: str) -> GivenKey:
    """Returns the key that `--api-key` names: `KEY` for every purpose, `read:KEY` for one.

    Raises:
        ConfigurationError: what stands before the colon is nearly a purpose. The key is not in the message.
    """
    word, colon, key = text.partition(":")
    if not colon:
        return GivenKey(text, EVERY)
    purposes = _GIVES.get(word)
    if purposes is not None:
        return GivenKey(key, purposes)
    # A slip must not make a key for one purpose a key for all.
    near = difflib.get_close_matches(word.strip().lower(), _GIVES, n=1, cutoff=_ALIKE)
    if near:
        raise ConfigurationError(
            f"--api-key: {word[:20]!r} before the colon is no purpose. Did you mean {near[0]}:? A key has one of"
            f" {', '.join(f'{name}:' for name in _GIVES)} before it, or nothing, and then every purpose"
        )
    return GivenKey(text, EVERY)


def says_a_purpose(key: str) -> bool:
    """Returns whether a key that a client sent has a purpose before it, which is for the server's option alone."""
    return key.partition(":")[0] in _GIVES and ":" in key


def may(purposes: Iterable[Purpose]) -> str:
    """Returns what a key for these purposes may do, as the end of a sentence."""
    found = [_DOES[purpose] for purpose in Purpose if purpose in frozenset(purposes)]
    return " and ".join(found) if len(found) < 3 else f"{', '.join(found[:-1])} and {found[-1]}"


def refused(needed: Purpose, purposes: frozenset[Purpose]) -> str:
    """Returns why a key for `purposes` is not enough for a call that needs another."""
    enough = " or ".join(f"{name}:KEY" for name, gives in _GIVES.items() if needed in gives)
    return (
        f"This API key may only {may(purposes)}, and this call needs one that may {_DOES[needed]}: use a key that the"
        f" server was given as --api-key {enough}, or as KEY alone."
    )
