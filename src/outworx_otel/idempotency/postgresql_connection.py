"""How every connection to PostgreSQL is opened: by the store of keys, and by `outworx serve` for its own database."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.engine import URL

FIXED: Final = frozenset(
    {
        "application_name",
        "autocommit",
        "client_encoding",
        "connect_timeout",
        "context",
        "cursor_factory",
        "plugin",
        "prepare_threshold",
        "row_factory",
    }
)
"""Options of SQLAlchemy, psycopg and libpq that are set here: what a URL says of them is passed over.

psycopg takes a URL's values as text: `autocommit=false` would switch it on.
"""

SETTINGS: Final[dict[str, Any]] = {
    "application_name": "outworx-otel",
    # Whatever the database is encoded in, and whatever PGCLIENTENCODING says; of SQL_ASCII psycopg would give bytes.
    "client_encoding": "utf8",
    # No named prepared statements: behind a transaction pooler (PgBouncer before 1.21) each transaction may be
    # another server connection's, which does not know them or has others of that name.
    "prepare_threshold": None,
}
"""What psycopg is given for each connection, `connect_timeout` aside."""

# How PostgreSQL and PgBouncer refuse a connection where there are too many. That comes without a code.
_TOO_MANY: Final = ("too many", "connection slots", "no more connections allowed")


def check_options(url: URL) -> None:
    """Makes sure that libpq knows every option of a URL.

    Raises:
        psycopg.Error, sqlalchemy.exc.SQLAlchemyError, ValueError: it does not. The message may quote a password.
    """
    import psycopg

    _, given = url.get_dialect()().create_connect_args(url)
    psycopg.conninfo.make_conninfo(**{name: str(value) for name, value in given.items()})


def has_too_many_connections(error: BaseException | None) -> bool:
    """Whether a server or a pooler let nobody in for now, because all its connections are taken."""
    import psycopg

    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate == "53300" or any(part in str(error).lower() for part in _TOO_MANY)
    )
