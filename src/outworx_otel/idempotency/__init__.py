"""Which deliveries have been handled: the store protocol and its in-process back-end."""

from ._protocol import (
    Claim,
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    StoredAnswer,
    hashed_key,
)
from .memory import MemoryStore

__all__ = [
    "Claim",
    "Claimed",
    "Completed",
    "IdempotencyStore",
    "InProgress",
    "MemoryStore",
    "StoredAnswer",
    "hashed_key",
]
