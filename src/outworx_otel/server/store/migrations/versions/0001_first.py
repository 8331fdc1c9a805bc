"""The first tables: deliveries, their details and facets, figures, spans, claims, secrets.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """As `schema` was then; it never changes with it."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    text_by_bytes = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "deliveries",
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("facet", sa.Integer, nullable=False),
        sa.Column("id", text_by_bytes, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("duration_ns", sa.BigInteger, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("span_id", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text),
        sa.Column("status", sa.BigInteger),
        sa.Column("event_type", sa.Text),
        sa.Column("event_id", sa.Text),
        sa.Column("event_hash", sa.BigInteger),
        sa.Column("signature_valid", sa.Boolean),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("key_hash", sa.BigInteger),
        sa.Column("processing", sa.Text),
        sa.Column("body_size", sa.BigInteger),
    )
    op.create_index("deliveries_id", "deliveries", ["id"], unique=True)
    op.create_index("deliveries_newest", "deliveries", ["time_ns", "seq"])
    op.create_index("deliveries_facet", "deliveries", ["facet", "time_ns", "seq"])
    _create_partial_index("deliveries_event_type", "deliveries", "event_type", "facet", "time_ns", "seq")
    _create_partial_index("deliveries_event", "deliveries", "event_hash", "time_ns", "seq")
    _create_partial_index("deliveries_key", "deliveries", "key_hash", "time_ns", "seq")
    op.create_table(
        "details",
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "facets",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("endpoint", sa.Integer, nullable=False),
        sa.Column("overflow", sa.Boolean, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("idempotency", sa.Text, nullable=False),
    )
    _create_figures()
    op.create_table(
        "spans",
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("span_id", sa.Text, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("delivery", sa.Text),
        sa.Column("detail", sa.LargeBinary, nullable=False),
    )
    op.create_index("spans_trace", "spans", ["trace_id", "span_id"], unique=True)
    _create_partial_index("spans_delivery", "spans", "delivery")
    op.create_table(
        "tallies",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("lease", sa.Double, nullable=False),
        sa.Column("deadline", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("answer", sa.LargeBinary),
    )
    op.create_index("claims_expires", "claims", ["expires"])
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
    )


def _create_figures() -> None:
    op.create_table(
        "rollups",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("facet", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("deliveries", sa.BigInteger, nullable=False),
        sa.Column("counted", sa.Double, nullable=False),
        sa.Column("last_ns", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "durations",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("endpoint", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bucket", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("deliveries", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_types",
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_type", sa.Text, primary_key=True),
        sa.Column("deliveries", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_partial_index(name: str, table: str, first: str, *more: str) -> None:
    there = sa.text(f"{first} IS NOT NULL")
    op.create_index(name, table, [first, *more], sqlite_where=there, postgresql_where=there)
