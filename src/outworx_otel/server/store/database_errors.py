"""What a database's error means, and what to do about it."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from outworx_otel.errors import described
from outworx_otel.idempotency.postgresql_connection import has_too_many_connections

# Part of SQLite's message → what it means for the operator. The first that fits counts.
_SQLITE: Final = (
    ("disk is full", "the disk is full: free some space; what is sent meanwhile is refused and sent again"),
    (
        "disk i/o error",
        "the disk cannot be read or written: look at its free space, its quota and its health",
    ),
    (
        "readonly",
        "the file cannot be written: look at who owns it and its folder, and at how the disk is mounted",
    ),
    ("unable to open", "the file cannot be opened: look at the rights to it and to its folder"),
    ("locked", "another process holds it locked: end that process, or let it end its transaction"),
    (
        "malformed",
        "the file is damaged: stop the server, then `sqlite3 FILE .recover`, a backup, or a new file",
    ),
    ("not a database", "the file is damaged or no SQLite database: give another path, or move the file away"),
)
_TOO_MANY: Final = "the server has too many connections already: see `connections` in docs/server.md"
# PostgreSQL's codes (SQLSTATE), by their beginning. The first that fits counts.
_POSTGRESQL: Final = (
    (
        "08",
        "the connection broke, or a pooler refused it: see the log of the server, and of the pooler if there is one",
    ),
    ("23514", "no part of a table takes the row: was one removed by hand? Start the server again"),
    ("25006", "it takes no writes: is it a replica, or is default_transaction_read_only on for this role?"),
    ("26000", "a prepared statement is gone: does a pooler stand in between that changes statements?"),
    ("28", "the server does not let this user in: look at the user, the password and pg_hba.conf"),
    ("3D000", "the server has no such database: createdb makes one"),
    ("3F000", "no schema is there to make tables in: look at this role's search_path"),
    ("40", "other transactions stood in its way again and again: see pg_stat_activity"),
    (
        "42P01",
        "a table is missing: was it removed, or was this role's search_path changed? Start the server again",
    ),
    ("42501", "this user may not do that: grant the rights on the schema and its tables"),
    ("53100", "the server's disk is full: free some space"),
    ("53300", _TOO_MANY),
    ("53", "the server is short of something: see its log"),
    ("55P03", "another process holds the lock for writing: see pg_stat_activity"),
    ("57014", "a statement was ended: by an administrator, or because it took too long"),
    ("57", "the server is being stopped or started"),
    ("58", "the server cannot read or write its own files: look at its disk, and at its log"),
    ("XX001", "the server's files are damaged: see its log, and restore a backup"),
    ("XX002", "an index of the server is damaged: see its log, and REINDEX"),
    ("XX", "the server has an internal error: see its log"),
)
# A refused connection has no code, only a text.
_CONNECTING: Final = (
    ("authentication failed", "the server does not take this user and password"),
    ("pg_hba.conf", "the server does not let this user in from here: look at pg_hba.conf"),
    ("does not exist", "the server has no such database or user: createdb and createuser make them"),
    ("starting up", "the server is being started"),
    ("shutting down", "the server is being stopped"),
    (
        "unsupported startup parameter",
        "a pooler stands in between that takes no `options`: drop them from the URL and from PGOPTIONS, and set them"
        " for the role (ALTER ROLE ... SET ...)",
    ),
)
# Nothing else is checked.
_NO_PART: Final = "23514"
_PASSING: Final = ("40P01", "40001")


def said(error: BaseException) -> str:
    """Returns an error in one line, without the statement and values that SQLAlchemy adds."""
    original = _original(error)
    if isinstance(error, PoolTimeout):
        return "all its connections are in use: try again, and see `connections` in docs/server.md"
    if original is None:
        return type(error).__name__
    if (meaning := _meaning(original)) is not None:
        return meaning
    # PostgreSQL's DETAIL line quotes values.
    first = described(original).partition("DETAIL")[0].strip()
    return f"{first}: is the server running, and reachable from here?" if is_connection(error) else first


def is_passing(error: BaseException) -> bool:
    """Whether trying again at once may help: two transactions stood in each other's way."""
    return _state(_original(error)) in _PASSING


def is_connection(error: BaseException) -> bool:
    """Whether there is no connection to a server, or it was lost."""
    if not isinstance(error, DBAPIError):
        return False
    never = type(error.orig).__module__.startswith("psycopg") and isinstance(error, OperationalError)
    return error.connection_invalidated or (never and _state(error.orig) is None)


def is_interrupted(error: BaseException) -> bool:
    """Whether a statement was ended because it took too long."""
    original = _original(error)
    return original is not None and ("interrupted" in _words(original) or _state(original) == "57014")


def is_locked(error: BaseException) -> bool:
    """Whether somebody else had a lock for longer than was to be waited for."""
    return _state(_original(error)) in ("55P03", "40P01")


def is_missing(error: BaseException) -> bool:
    """Whether a table is not there."""
    return _state(_original(error)) == "42P01"


def is_full(error: BaseException) -> bool:
    """Whether there is no room for another connection for now."""
    return has_too_many_connections(_original(error))


def is_of_the_batch(error: BaseException) -> bool:
    """Whether what was to be written is at fault, so that it can never be: a value, or a broken constraint.

    Of everything else the database is the cause, and the same batch may be written later.
    """
    original = _original(error)
    state = _state(original)
    # Without a code the driver itself refused a value, or it is SQLite.
    return isinstance(error, DataError | IntegrityError) if state is None else _is_of_a_value(state)


def _is_of_a_value(state: str) -> bool:
    return state.startswith(("22", "23")) and state != _NO_PART


def _original(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else None


def _meaning(original: BaseException) -> str | None:
    words = _words(original)
    if _state(original) is not None:
        return next((meaning for part, meaning in _POSTGRESQL if words.startswith(part)), None)
    if has_too_many_connections(original):
        return _TOO_MANY
    known = _SQLITE if isinstance(original, sqlite3.Error) else _CONNECTING
    return next((meaning for part, meaning in known if part in words), None)


def _words(original: BaseException) -> str:
    # Of PostgreSQL the code alone: its texts quote what was sent.
    return _state(original) or str(original).lower()


def _state(original: BaseException | None) -> str | None:
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None
