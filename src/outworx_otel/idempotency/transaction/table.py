"""The table of `transaction://` and `django://`: one row for each event that was handled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from outworx_otel.idempotency.record import MAX_RECORD_BYTES
from outworx_otel.idempotency.transaction.store import TABLE

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

KEY_LENGTH: Final = 64


def once_table(metadata: MetaData, name: str = TABLE) -> Table:
    """Adds the table to an application's metadata, so that Alembic and `create_all()` make it.

    Args:
        metadata: such as `Base.metadata`.
        name: what the store's URL says of `table`.
    """
    from sqlalchemy import Column, Double, Index, LargeBinary, String, Table

    return Table(
        name,
        metadata,
        Column("event_key", String(KEY_LENGTH), primary_key=True, comment="SHA-256 of the event's key"),
        Column("expires", Double, nullable=False, comment="Unix time after which the row may be deleted"),
        Column("answer", LargeBinary(MAX_RECORD_BYTES), comment="what a duplicate is answered"),
        Index(f"{name}_expires", "expires"),
    )
