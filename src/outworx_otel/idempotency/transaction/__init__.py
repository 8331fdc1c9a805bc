"""Keys in the application's own database, written in the transaction of the effect: `transaction://`, `django://`."""

from outworx_otel.idempotency.transaction.connections import Connection, add_kind, connection_of
from outworx_otel.idempotency.transaction.dialects import Dialect, Steps, Wait, dialect_of, pyformat
from outworx_otel.idempotency.transaction.rivals import Rivals, rivals
from outworx_otel.idempotency.transaction.store import TransactionStore

__all__ = [
    "Connection",
    "Dialect",
    "Rivals",
    "Steps",
    "TransactionStore",
    "Wait",
    "add_kind",
    "connection_of",
    "dialect_of",
    "pyformat",
    "rivals",
]
