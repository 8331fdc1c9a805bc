"""Endpoints, problems, events, clocks and alerts, and the problem that a delivery belongs to.

Revision ID: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """As `schema` was then; it never changes with it. What is there already belongs to no problem."""
    op.add_column("deliveries", sa.Column("problem", sa.Integer))
    _create_partial_index(
        "deliveries_problem", "deliveries", ["problem", "time_ns", "seq"], sa.text("problem IS NOT NULL")
    )
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *_texts("service", "environment", "provider", "route"),
        *_numbers("first_ns", "seen_ns", "good_ns", "verified_ns", "unverified_ns", "unverified"),
        *_numbers("streak", "streak_ns", "good_row", "round", "mismatches"),
        sa.Column("rhythm", sa.LargeBinary),
        *_numbers("learnt_ns"),
        sa.Column("silent_ns", sa.BigInteger),
        *_numbers("heard_ns"),
    )
    op.create_table(
        "problems",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("endpoint", sa.Integer, nullable=False),
        sa.Column("overflow", sa.Boolean, nullable=False),
        *_texts("service", "environment", "provider", "route", "outcome", "reason", "cause"),
        *_texts("exception_type", "code_function", "code_file", "version", "message", "last_delivery"),
        *_texts("state"),
        *_numbers("state_ns"),
        sa.Column("reopened", sa.Integer, nullable=False),
        *_numbers("first_ns", "last_ns", "deliveries", "events", "streak", "round"),
    )
    op.create_index("problems_last", "problems", ["last_ns", "id"])
    op.create_index("problems_endpoint", "problems", ["endpoint"])
    _create_events()
    op.create_table(
        "clocks",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("environment", sa.Text, primary_key=True),
        *_numbers("offset_ns", "since_ns", "seen_ns"),
        sa.Column("signed_later", sa.Integer, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *_texts("rule", "state", "subject", "headline", "what", "place", "advice"),
        *_texts("service", "environment", "provider", "route"),
        sa.Column("problem_id", sa.Integer),
        *_numbers("since_ns", "count", "told", "raised_ns", "changed_ns"),
        sa.Column("ended_ns", sa.BigInteger),
        sa.Column("notices", sa.Integer, nullable=False),
    )
    _create_partial_index("alerts_raised", "alerts", ["subject"], sa.text("ended_ns IS NULL"), unique=True)
    op.create_index("alerts_changed", "alerts", ["changed_ns"])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        *_numbers("until_ns"),
    )


def _create_events() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "events",
        sa.Column("hash", number, primary_key=True, autoincrement=False),
        sa.Column("endpoint", sa.Integer, nullable=False),
        sa.Column("event_id", sa.Text),
        *_numbers("first_ns", "last_ns"),
        sa.Column("handled_ns", sa.BigInteger),
        *_numbers("deliveries", "runs"),
        sa.Column("ran_at", sa.Integer),
        *_texts("outcome"),
        sa.Column("problem", sa.Integer),
    )
    unhandled = sa.text("handled_ns IS NULL")
    op.create_index("events_first", "events", ["first_ns"])
    _create_partial_index("events_unhandled", "events", ["first_ns", "endpoint"], unhandled)
    _create_partial_index("events_problem", "events", ["problem"], unhandled)
    _create_partial_index("events_repeated", "events", ["first_ns", "endpoint"], sa.text("runs > 1"))


def _create_partial_index(
    name: str, table: str, columns: list[str], where: object, *, unique: bool = False
) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where, unique=unique)


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]
