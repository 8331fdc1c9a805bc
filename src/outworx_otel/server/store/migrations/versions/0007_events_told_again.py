"""An index of the few events that came or ran more than once, with all that the overview asks of them.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """As `schema` was then; it never changes with it."""
    op.drop_index("events_repeated", "events")
    which = sa.text("deliveries > 1 OR runs > 1")
    op.create_index(
        "events_again",
        "events",
        ["first_ns", "endpoint", "deliveries", "runs"],
        sqlite_where=which,
        postgresql_where=which,
    )
