"""Age counted from arrival, and what was never proved genuine found by itself.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """As `schema` was then; it never changes with it. What is there already counts as having arrived now."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "marks",
        sa.Column("age", number, primary_key=True, autoincrement=False),
        sa.Column("wall", sa.BigInteger, nullable=False),
        sa.Column("deliveries", sa.BigInteger, nullable=False),
        sa.Column("spans", sa.BigInteger, nullable=False),
    )
    valid = sa.column("signature_valid", sa.Boolean)
    unproved = valid.is_not(sa.true())
    op.create_index(
        "deliveries_unproved", "deliveries", ["seq"], sqlite_where=unproved, postgresql_where=unproved
    )
    sizes = (
        "coalesce(sum(length(detail) + 400), 0) FROM details JOIN deliveries ON deliveries.seq = details.seq"
    )
    op.execute(f"INSERT INTO tallies (name, value) SELECT 'delivery_bytes', {sizes}")
    op.execute(
        f"INSERT INTO tallies (name, value) SELECT 'unproved_bytes', {sizes} WHERE signature_valid IS NOT TRUE"
    )
    op.execute("DELETE FROM tallies WHERE name = 'reusable_rows'")
