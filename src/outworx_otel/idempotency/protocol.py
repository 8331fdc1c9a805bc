"""The interface of a store: one record for each key, absent, in progress (lease, token) or completed (answer)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from outworx_otel.idempotency.record import StoredAnswer


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """The key is ours until the lease ends; `token` proves it."""

    token: str


class InProgress(msgspec.Struct, frozen=True, gc=False):
    """Somebody else holds the key, for `lease_left` seconds more unless it is renewed."""

    lease_left: float


class Completed(msgspec.Struct, frozen=True, gc=False):
    """The key was handled before."""

    answer: StoredAnswer


Claim = Claimed | InProgress | Completed

Held = tuple[str, str]
"""A key, and the token of the claim that holds it."""


class BlockingStore(Protocol):
    """The four operations, as a thread that may wait calls them. Times are seconds.

    A fifth one is optional: `renew_many` of `RenewsTogether`.

    Each is atomic, one round trip, and idempotent per token: after an operation whose answer was lost, the same call
    with the same token leads to the same state. A token is any text without a line feed that no other claim uses.

    A lease that has run out frees the key for the next claim; until one comes, its holder still holds it, and may
    renew it or complete (back-ends forget such a record after an hour).

    Raises:
        StoreError: from any method, where the place cannot be reached in time.
    """

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """Takes the key if it is absent, or its lease has run out, or `token` holds it already."""

    def renew(self, key: str, token: str, lease: float) -> bool:
        """Makes the lease end `lease` seconds from now; False where `token` no longer holds the key."""

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """Stores the answer for `ttl`; True where this token's answer stands, False where it lost the key."""

    def release(self, key: str, token: str) -> bool:
        """Makes the key absent again; False where `token` does not hold it (any more)."""


class RenewsTogether(Protocol):
    """What a store has that renews many leases in one round trip; of others each lease is renewed by itself."""

    def renew_many(self, held: Sequence[Held], lease: float) -> set[Held]:
        """`renew` for up to 500 claims at once; gives those that no longer hold their key."""


def renew_together(store: Any, held: Sequence[Held], lease: float) -> set[Held]:
    """Renews through `renew_many` where the store has it, else one by one; gives the lost ones."""
    together = getattr(store, "renew_many", None)
    if together is not None:
        lost: set[Held] = together(held, lease)
        return lost
    return {(key, token) for key, token in held if not store.renew(key, token, lease)}


class IdempotencyStore(BlockingStore, Protocol):
    """A place that remembers keys, with two faces: the blocking one, and one that never blocks an event loop.

    `instant` says that the blocking face does not block either.
    """

    instant: bool

    async def aclaim(self, key: str, token: str, lease: float) -> Claim:
        """`claim`, awaited on asyncio or trio."""

    async def arenew(self, key: str, token: str, lease: float) -> bool:
        """`renew`, awaited on asyncio or trio."""

    async def acomplete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """`complete`, awaited on asyncio or trio."""

    async def arelease(self, key: str, token: str) -> bool:
        """`release`, awaited on asyncio or trio."""

    def check(self) -> None:
        """Checks that the store is there, with more time than a delivery gives it; for `outworx doctor`."""

    def warm(self) -> None:
        """Begins to connect in the background and returns at once: a process's first delivery finds it done."""

    def close(self) -> None:
        """Closes connections and threads; the next operation makes new ones."""
