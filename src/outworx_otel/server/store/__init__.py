"""Where deliveries are kept: SQLAlchemy Core on SQLite or PostgreSQL."""

from outworx_otel.server.store.erasure import Erased
from outworx_otel.server.store.history import Erasure
from outworx_otel.server.store.store import Store
from outworx_otel.server.store.store_errors import (
    BadCursor,
    BatchRefused,
    QueryTooWide,
    StoreBusy,
    StoreUnavailable,
)

__all__ = [
    "BadCursor",
    "BatchRefused",
    "Erased",
    "Erasure",
    "QueryTooWide",
    "Store",
    "StoreBusy",
    "StoreUnavailable",
]
