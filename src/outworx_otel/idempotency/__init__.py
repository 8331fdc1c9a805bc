"""Remembers which deliveries were handled: the store protocol, its back-ends, and the lease keeper."""

from outworx_otel.idempotency.breaker import BreakerOpen, StoreCounts
from outworx_otel.idempotency.guarded_store import Backend, GuardedStore
from outworx_otel.idempotency.key_hashing import distinguishes, hashed_key
from outworx_otel.idempotency.leases import Lease, LeaseKeeper, lease_keeper
from outworx_otel.idempotency.memory import MemoryStore
from outworx_otel.idempotency.protocol import (
    BlockingStore,
    Claim,
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    RenewsTogether,
)
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.store_urls import open_store, register_store
from outworx_otel.idempotency.transaction.store import TransactionStore
from outworx_otel.idempotency.transaction.table import once_table

__all__ = [
    "Backend",
    "BlockingStore",
    "BreakerOpen",
    "Claim",
    "Claimed",
    "Completed",
    "GuardedStore",
    "IdempotencyStore",
    "InProgress",
    "Lease",
    "LeaseKeeper",
    "MemoryStore",
    "RenewsTogether",
    "StoreCounts",
    "StoredAnswer",
    "TransactionStore",
    "distinguishes",
    "hashed_key",
    "lease_keeper",
    "once_table",
    "open_store",
    "register_store",
]
