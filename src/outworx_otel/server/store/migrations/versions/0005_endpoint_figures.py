"""How many of each endpoint's deliveries count, for good and for bad.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """As `schema` was then; it never changes with it. What is there already was never judged, and is in no rate."""
    op.create_table(
        "endpoint_figures",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("endpoint", sa.Integer, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("arrived", "good", "bad", "unprotected", "unverified")
        ),
        sqlite_with_rowid=False,
    )
