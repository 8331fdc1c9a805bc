"""By what an endpoint's deliveries are proved, and until when a problem's events are sent again.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """As `schema` was then; it never changes with it."""
    op.add_column("endpoints", sa.Column("proof", sa.LargeBinary))
    op.drop_index("events_problem", "events")
    unhandled = sa.text("handled_ns IS NULL")
    columns = ["problem", "handled_ns", "outcome", "first_ns"]
    op.create_index("events_problem", "events", columns, sqlite_where=unhandled, postgresql_where=unhandled)
