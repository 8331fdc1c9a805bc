"""What a store does: one record per key, absent, in progress (lease, token) or completed (an answer)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class StoredAnswer:
    """What a finished delivery answered.

    Args:
        status: the HTTP status.
        headers: the safe headers, names in lower case.
        body: the exact bytes, or None where the answer was streamed or over the cap.
        fingerprint: hash of the request's body, to see that a key came again with another one.
        trace_id: hex trace id of the span that did the work, or "".
        span_id: hex span id of the same.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    fingerprint: str
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True)
class Claimed:
    """The key is ours until the lease ends; `token` proves it."""

    token: str


@dataclass(frozen=True)
class InProgress:
    """Somebody else holds the key, for `lease_left` seconds more unless it is renewed."""

    lease_left: float


@dataclass(frozen=True)
class Completed:
    """The key was handled before."""

    answer: StoredAnswer


Claim = Claimed | InProgress | Completed


class IdempotencyStore(Protocol):
    """A place that remembers keys. Every method is atomic; times are seconds.

    Raises:
        StoreError: from any method, where the place cannot be reached in time.
    """

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """Takes the key if it is absent, or its lease has run out, or `token` holds it already."""

    def renew(self, key: str, token: str, lease: float) -> bool:
        """Extends the lease; False where `token` no longer holds the key."""

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """Stores the answer for `ttl`; False where `token` no longer holds the key."""

    def release(self, key: str, token: str) -> bool:
        """Makes the key absent again; False where `token` no longer holds it."""


def hashed_key(scope: str, key: str) -> str:
    """What stores and telemetry see of a key: SHA-256 in hex, of scope and key kept apart."""
    return hashlib.sha256(f"{len(scope)}:{scope}{key}".encode("utf-8", "surrogatepass")).hexdigest()
