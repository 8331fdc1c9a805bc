"""Indices of the events that are unhandled, or came or ran more than once, with all that pages and rules ask of them.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """As `schema` was then; it never changes with it."""
    for name in ("events_repeated", "events_unhandled", "events_problem"):
        op.drop_index(name, "events")
    unhandled = "handled_ns IS NULL"
    _create("events_again", ["first_ns", "endpoint", "deliveries", "runs"], "deliveries > 1 OR runs > 1")
    _create("events_unhandled", ["first_ns", "endpoint", "problem", "handled_ns"], unhandled)
    _create("events_problem", ["problem", "handled_ns"], unhandled)


def _create(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "events", columns, sqlite_where=where, postgresql_where=where)
