"""Unhandled events side by side, those of an endpoint and those of a problem and an outcome, in the order of time.

Rules count them by endpoint, and had to sort them all; the first of an outcome is at the end of a range. What was
handled goes first where there are too many, and has an index to itself; that of all is asked by nothing any more.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_INDICES = {
    "events_unhandled": ["endpoint", "first_ns", "problem", "handled_ns"],
    "events_problem": ["problem", "outcome", "first_ns", "handled_ns"],
}


def upgrade() -> None:
    """As `schema` was then; it never changes with it."""
    unhandled = sa.text("handled_ns IS NULL")
    for name, columns in _INDICES.items():
        op.drop_index(name, "events")
        op.create_index(name, "events", columns, sqlite_where=unhandled, postgresql_where=unhandled)
    op.drop_index("events_first", "events")
    handled = sa.text("handled_ns IS NOT NULL")
    op.create_index("events_handled", "events", ["first_ns"], sqlite_where=handled, postgresql_where=handled)
