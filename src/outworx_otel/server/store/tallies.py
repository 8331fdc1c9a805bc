"""Numbers that would be slow to count."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

DELIVERIES: Final = "deliveries"
SPAN_BYTES: Final = "span_bytes"
FACETS_REMOVED: Final = "facets_removed"
DELIVERY_BYTES: Final = "delivery_bytes"
REUSABLE_BYTES: Final = "reusable_bytes"
"""Of deliveries that were removed since as many were written."""

UNPROVED_BYTES: Final = "unproved_bytes"
PROBLEM_NUMBER: Final = "problem_number"
"""The last that was given to a problem: none is given twice."""
ALERT_NUMBER: Final = "alert_number"
"""The last that was given to an alert."""

LAST_DELIVERY: Final = "last_delivery"
"""The last number that was given to a delivery, where the history is in columns."""
LAST_SPAN: Final = "last_span"

AGE: Final = "age"
"""Seconds that the store has been in use, as far as is known."""
AGE_WALL: Final = "age_wall"
"""What the clock said when `AGE` was last counted."""

PART_IN_USE: Final = "part_in_use"
"""The first number of the part that takes what comes now, where there are parts."""

DELIVERY_OVERHEAD: Final = 400
"""Bytes of a delivery beside its detail."""
SPAN_OVERHEAD: Final = 200
"""Bytes of a span beside its detail: ids, indices."""


# Text, because SQLAlchemy's expressions take ten times as long as the database, and each transaction has several.
_GET: Final = text("SELECT value FROM tallies WHERE name = :name")
_SET: Final = text(
    "INSERT INTO tallies (name, value) VALUES (:name, :value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_ADD: Final = text(
    "INSERT INTO tallies (name, value) VALUES (:name, CASE WHEN :more > 0 THEN :more ELSE 0 END)"
    " ON CONFLICT (name) DO UPDATE"
    " SET value = CASE WHEN tallies.value + :more > 0 THEN tallies.value + :more ELSE 0 END"
)


def tally(connection: Connection, name: str) -> int:
    """Returns the number."""
    return int(connection.execute(_GET, {"name": name}).scalar_one_or_none() or 0)


def add_to_tally(connection: Connection, name: str, more: int) -> None:
    """Adds to the number, never below 0. Call it only in a transaction that excludes others."""
    connection.execute(_ADD, {"name": name, "more": more})


def set_tally(connection: Connection, name: str, value: int) -> None:
    """Puts a number in the place of another. Call it only in a transaction that excludes others."""
    connection.execute(_SET, {"name": name, "value": value})
