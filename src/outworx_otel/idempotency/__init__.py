"""Which deliveries have been handled: the store protocol, its back-ends, and the keeper of leases."""

from outworx_otel.idempotency.breaker import Refused, StoreCounts
from outworx_otel.idempotency.guard import Backend, GuardedStore
from outworx_otel.idempotency.leases import Lease, LeaseKeeper, lease_keeper
from outworx_otel.idempotency.memory import MemoryStore
from outworx_otel.idempotency.protocol import (
    BlockingStore,
    Claim,
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    hashed_key,
)
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.urls import open_store

__all__ = [
    "Backend",
    "BlockingStore",
    "Claim",
    "Claimed",
    "Completed",
    "GuardedStore",
    "IdempotencyStore",
    "InProgress",
    "Lease",
    "LeaseKeeper",
    "MemoryStore",
    "Refused",
    "StoreCounts",
    "StoredAnswer",
    "hashed_key",
    "lease_keeper",
    "open_store",
]
