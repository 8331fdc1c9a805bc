"""PostgreSQL keeps deliveries, details and spans in parts by day of arrival; what is there becomes the first one.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# The numbers of the first day of all: more than were ever given before there were parts.
_BEFORE = 1 << 36
_DELIVERIES = {
    "deliveries_newest": ("time_ns, seq", ""),
    "deliveries_facet": ("facet, time_ns, seq", ""),
    "deliveries_event_type": ("event_type, facet, time_ns, seq", "event_type IS NOT NULL"),
    "deliveries_event": ("event_hash, time_ns, seq", "event_hash IS NOT NULL"),
    "deliveries_key": ("key_hash, time_ns, seq", "key_hash IS NOT NULL"),
    "deliveries_problem": ("problem, time_ns, seq", "problem IS NOT NULL"),
    "deliveries_unproved": ("seq", "signature_valid IS NOT TRUE"),
}
_SPANS = {"spans_delivery": ("delivery", "delivery IS NOT NULL")}


def upgrade() -> None:
    """As `schema` was then; it never changes with it. No row is written anew, and no index is built."""
    if op.get_bind().dialect.name == "postgresql":
        for table, indices in (("deliveries", _DELIVERIES), ("details", {}), ("spans", _SPANS)):
            _divide(table, indices)


def _divide(table: str, indices: dict[str, tuple[str, str]]) -> None:
    before = f"{table}_before"
    names = op.get_bind().execute(
        sa.text(
            "SELECT indexname FROM pg_indexes WHERE tablename = :table AND schemaname = current_schema()"
        ),
        {"table": table},
    )
    for name in list(names.scalars()):
        op.execute(f"ALTER INDEX {name} RENAME TO {name.replace(table, before, 1)}")
    op.execute(f"ALTER TABLE {table} RENAME TO {before}")
    op.execute(f"CREATE TABLE {table} (LIKE {before}) PARTITION BY RANGE (seq)")
    op.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (seq)")
    for name, (columns, condition) in indices.items():
        where = f" WHERE {condition}" if condition else ""
        op.execute(f"CREATE INDEX {name} ON {table} ({columns}){where}")
    some = op.get_bind().execute(sa.select(sa.literal(1)).select_from(sa.table(before)).limit(1))
    if some.first() is None:
        op.execute(f"DROP TABLE {before}")
        return
    # Where `migrate` has made sure of the numbers, the table is not read for it.
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ('{_BEFORE}')")
    op.execute(f"ALTER TABLE {before} DROP CONSTRAINT IF EXISTS {before}_numbers")
