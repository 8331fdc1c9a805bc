"""One face for whatever holds the handler's transaction: SQLAlchemy's sessions and connections, and psycopg's.

Which library an object is of is told by its type. None is imported here that the application has not imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, Protocol

from outworx_otel.errors import TransactionError
from outworx_otel.idempotency.transaction.alchemy import AlchemyConnection, AwaitedAlchemyConnection
from outworx_otel.idempotency.transaction.psycopg import AwaitedPsycopgConnection, PsycopgConnection


class Connection(Protocol):
    """The transaction that a block is in. Where it `awaits`, every method gives an awaitable of what is said here."""

    @property
    def awaits(self) -> bool:
        """Whether its block is `async with`."""

    @property
    def joins(self) -> bool:
        """Whether the caller has begun the transaction, so that it is the caller's to end."""

    @property
    def database(self) -> str:
        """The database's kind, as SQLAlchemy calls it; known once it is open."""

    def open(self) -> Any:
        """Makes sure that there is a transaction, and not one for each statement.

        Raises:
            TransactionError: there can be none.
        """

    def change(self, statement: str, parameters: dict[str, Any]) -> Any:
        """How many rows a statement has changed; parameters are written `:name`."""

    def fetch(self, statement: str, parameters: dict[str, Any]) -> Any:
        """The first row of an answer, or None."""

    def set_savepoint(self) -> Any:
        """Begins what can be undone alone."""

    def release(self) -> Any:
        """Ends the savepoint; what was done since stays in the transaction."""

    def undo(self, error: BaseException) -> Any:
        """Undoes what was done since the savepoint."""

    def commit(self) -> Any:
        """Commits."""

    def rollback(self) -> Any:
        """Rolls back."""

    @property
    def keeps_here(self) -> bool:
        """Whether `keeper` belongs to the thread that the handler runs in."""

    def is_open(self) -> bool:
        """Whether the transaction goes on; asked at once of either colour."""

    def keeper(self) -> Callable[[str, dict[str, Any]], Any]:
        """Runs one statement in a transaction of its own, also when this one's connection is long gone.

        It blocks, unless it is a coroutine function.
        """


_KINDS: Final[list[tuple[str, str, Callable[[Any], Connection]]]] = [
    ("sqlalchemy.orm", "Session", AlchemyConnection),
    ("sqlalchemy.engine", "Connection", AlchemyConnection),
    ("sqlalchemy.ext.asyncio", "AsyncSession", AwaitedAlchemyConnection),
    ("sqlalchemy.ext.asyncio", "AsyncConnection", AwaitedAlchemyConnection),
    ("psycopg", "Connection", PsycopgConnection),
    ("psycopg", "AsyncConnection", AwaitedPsycopgConnection),
]


def add_kind(module: str, name: str, make: Callable[[Any], Connection]) -> None:
    """Makes a class known that `connection_of` takes, by the module that has it and its name there."""
    _KINDS.append((module, name, make))


def connection_of(session: Any, awaited: bool) -> Connection:
    """The face of a session or connection.

    Args:
        session: what the handler gave to `track.once()`.
        awaited: whether it was `async with`.

    Raises:
        TransactionError: it is none of those that are known, or of the other colour.
    """
    found = _known(session)
    if found is None:
        raise TransactionError(
            f"track.once() takes a Session, Connection, AsyncSession or AsyncConnection of SQLAlchemy, or a "
            f"Connection or AsyncConnection of psycopg, not {type(session).__name__}"
        )
    if found.awaits != awaited:
        right, wrong = ("async with", "with") if found.awaits else ("with", "async with")
        raise TransactionError(
            f"track.once(): a {type(session).__name__} goes with `{right}`, not with `{wrong}`"
        )
    return found


def _known(session: Any) -> Connection | None:
    scoped = (
        _kind("sqlalchemy.orm", "scoped_session"),
        _kind("sqlalchemy.ext.asyncio", "async_scoped_session"),
    )
    if isinstance(session, scoped):
        session = session()
    for module, name, make in _KINDS:
        if isinstance(session, _kind(module, name)):
            return make(session)
    return None


def _kind(module: str, name: str) -> Any:
    """A class, if its module was imported; else no class at all."""
    return getattr(sys.modules.get(module), name, ())
