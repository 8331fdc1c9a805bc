"""Where deliveries are kept: SQLAlchemy Core on SQLite or PostgreSQL."""

from outworx_otel.server.store.store import Store
from outworx_otel.server.store.writer import StoreBusy, StoreUnavailable

__all__ = ["Store", "StoreBusy", "StoreUnavailable"]
