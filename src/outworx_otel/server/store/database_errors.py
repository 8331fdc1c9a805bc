"""What a database's error means, and what to do about it."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

from outworx_otel.errors import described

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
# PostgreSQL's codes (SQLSTATE), by their beginning.
_POSTGRESQL: Final = (
    ("55P03", "another process holds the lock for writing: see pg_stat_activity"),
    ("53100", "the server's disk is full: free some space"),
    ("53", "the server is short of something: see its log"),
    ("25006", "the server takes no writes now: is it a replica?"),
    ("28", "the server does not let this user in: look at the user, the password and pg_hba.conf"),
    ("3D000", "the server has no such database: createdb makes one"),
    ("42501", "this user may not do that: grant the rights on the schema"),
    ("57", "the server is being stopped or started"),
)
# A refused connection has no code, only a text.
_CONNECTING: Final = (
    ("authentication failed", "the server does not take this user and password"),
    ("pg_hba.conf", "the server does not let this user in from here: look at pg_hba.conf"),
    ("does not exist", "the server has no such database or user: createdb and createuser make them"),
    ("starting up", "the server is being started"),
    ("shutting down", "the server is being stopped"),
    ("too many", "the server has too many connections already"),
)
_PASSING: Final = ("40P01", "40001")


def said(error: BaseException) -> str:
    """Returns an error in one line, without the statement and values that SQLAlchemy adds."""
    original = _original(error)
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


def is_fault(error: BaseException) -> bool:
    """Whether the database is what is wrong, rather than what was to be written."""
    original = _original(error)
    return original is None or is_connection(error) or _meaning(original) is not None


def _original(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else None


def _meaning(original: BaseException) -> str | None:
    words = _words(original)
    if _state(original) is not None:
        return next((meaning for part, meaning in _POSTGRESQL if words.startswith(part)), None)
    known = _SQLITE if isinstance(original, sqlite3.Error) else _CONNECTING
    return next((meaning for part, meaning in known if part in words), None)


def _words(original: BaseException) -> str:
    # Of PostgreSQL the code alone: its texts quote what was sent.
    return _state(original) or str(original).lower()


def _state(original: BaseException | None) -> str | None:
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None
