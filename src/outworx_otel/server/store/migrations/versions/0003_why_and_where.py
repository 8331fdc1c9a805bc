"""Why and where a delivery failed, when it arrived, and the environment of its endpoint.

Revision ID: 0003
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """As `schema` was then; it never changes with it. Deliveries that are there have none of it."""
    for name in ("failure", "exception_type", "code_function", "code_file"):
        op.add_column("deliveries", sa.Column(name, sa.Text))
    op.add_column("deliveries", sa.Column("arrived_ns", sa.BigInteger))
    op.add_column("facets", sa.Column("environment", sa.Text, nullable=False, server_default=""))
    _digest_anew()


def _digest_anew() -> None:
    names = ("cause", "environment", "idempotency", "outcome", "provider", "reason", "route", "service")
    connection = op.get_bind()
    table = sa.table("facets", sa.column("id"), sa.column("digest", sa.LargeBinary), *map(sa.column, names))
    for row in connection.execute(sa.select(table)).all():
        digest = hashlib.blake2b("\0".join(getattr(row, name) for name in names).encode(), digest_size=16)
        connection.execute(sa.update(table).where(table.c.id == row.id).values(digest=digest.digest()))
