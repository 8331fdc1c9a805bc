"""Where deliveries are kept: SQLAlchemy Core on SQLite or PostgreSQL, and perhaps ClickHouse's columns beside it."""

from outworx_otel.server.store.columns.address import is_column_store
from outworx_otel.server.store.erasure import Erased
from outworx_otel.server.store.history import Erasure
from outworx_otel.server.store.store import DEFAULT_STATE, Store
from outworx_otel.server.store.store_errors import (
    BadCursor,
    BatchRefused,
    QueryTooWide,
    StoreBusy,
    StoreUnavailable,
)

__all__ = [
    "DEFAULT_STATE",
    "BadCursor",
    "BatchRefused",
    "Erased",
    "Erasure",
    "QueryTooWide",
    "Store",
    "StoreBusy",
    "StoreUnavailable",
    "is_column_store",
]
