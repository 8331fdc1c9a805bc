"""Numbers that would be slow to count."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, insert, select, update

from outworx_otel.server.store.schema import tallies

DELIVERIES: Final = "deliveries"
SPAN_BYTES: Final = "span_bytes"
FACETS_REMOVED: Final = "facets_removed"
REUSABLE_ROWS: Final = "reusable_rows"

SPAN_OVERHEAD: Final = 200
"""Bytes of a span beside its detail: ids, indices."""


def tally(connection: Connection, name: str) -> int:
    """Returns the number."""
    return int(
        connection.execute(select(tallies.c.value).where(tallies.c.name == name)).scalar_one_or_none() or 0
    )


def add_to_tally(connection: Connection, name: str, more: int) -> None:
    """Adds to the number, never below 0. Call it only in a transaction that excludes others."""
    value = max(tally(connection, name) + more, 0)
    changed = connection.execute(update(tallies).where(tallies.c.name == name).values(value=value)).rowcount
    if not changed:
        connection.execute(insert(tallies).values(name=name, value=value))
