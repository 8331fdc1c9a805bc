"""Where deliveries are kept: SQLAlchemy Core on SQLite or PostgreSQL."""

from outworx_otel.server.store.errors import (
    BadCursor,
    BatchRefused,
    QueryTooWide,
    StoreBusy,
    StoreUnavailable,
)
from outworx_otel.server.store.store import Store

__all__ = ["BadCursor", "BatchRefused", "QueryTooWide", "Store", "StoreBusy", "StoreUnavailable"]
