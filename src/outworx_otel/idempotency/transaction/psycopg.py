"""psycopg's connections, sync and async."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from outworx_otel.idempotency.transaction.dialects import pyformat

# libpq's least, in whole seconds.
_CONNECT_SECONDS: Final = 2


class _Undone(Exception):
    """What psycopg is told where a transaction that we began is to be rolled back."""


_UNDONE: Final = (_Undone, _Undone(), None)


class _Psycopg:
    """What does not depend on whether it is awaited."""

    keeps_here = False
    database = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._own: Any = None
        self._savepoint: Any = None
        self._keep: Callable[[str, dict[str, Any]], int]
        self.joins = _is_begun_by_caller(connection)

    def is_open(self) -> bool:
        """See `Connection.is_open`."""
        return _is_in_transaction(self._connection)

    def keeper(self) -> Callable[[str, dict[str, Any]], int]:
        """See `Connection.keeper`."""
        return self._keep


class PsycopgConnection(_Psycopg):
    """A Connection of psycopg."""

    awaits = False

    def open(self) -> None:
        """See `Connection.open`."""
        # A closed connection no longer knows where it led to.
        self._keep = _keeper_beside(self._connection)
        if not self.joins:
            # Within it, psycopg forbids a commit or rollback of the block's own.
            self._own = self._connection.transaction()
            self._own.__enter__()

    def change(self, statement: str, parameters: dict[str, Any]) -> int:
        """See `Connection.change`."""
        with self._cursor() as cursor:
            return int(cursor.execute(pyformat(statement), parameters).rowcount)

    def fetch(self, statement: str, parameters: dict[str, Any]) -> Any:
        """See `Connection.fetch`."""
        with self._cursor() as cursor:
            return cursor.execute(pyformat(statement), parameters).fetchone()

    def _cursor(self) -> Any:
        # Of its own: the connection may have another class of cursors, or of rows.
        from psycopg import Cursor, rows

        return Cursor(self._connection, row_factory=rows.tuple_row)

    def set_savepoint(self) -> None:
        """See `Connection.set_savepoint`."""
        self._savepoint = self._connection.transaction()
        self._savepoint.__enter__()

    def release(self) -> None:
        """See `Connection.release`."""
        self._savepoint.__exit__(None, None, None)

    def undo(self, error: BaseException) -> None:
        """See `Connection.undo`."""
        self._savepoint.__exit__(type(error), error, error.__traceback__)

    def commit(self) -> None:
        """See `Connection.commit`."""
        self._own.__exit__(None, None, None)
        # It was a savepoint where a statement before had begun the transaction.
        if not self._connection.autocommit:
            self._connection.commit()

    def rollback(self) -> None:
        """See `Connection.rollback`."""
        self._own.__exit__(*_UNDONE)
        if not self._connection.autocommit:
            self._connection.rollback()


class AwaitedPsycopgConnection(_Psycopg):
    """An AsyncConnection of psycopg."""

    awaits = True

    async def open(self) -> None:
        """See `Connection.open`."""
        # A closed connection no longer knows where it led to.
        self._keep = _keeper_beside(self._connection)
        if not self.joins:
            self._own = self._connection.transaction()
            await self._own.__aenter__()

    async def change(self, statement: str, parameters: dict[str, Any]) -> int:
        """See `Connection.change`."""
        async with self._cursor() as cursor:
            return int((await cursor.execute(pyformat(statement), parameters)).rowcount)

    async def fetch(self, statement: str, parameters: dict[str, Any]) -> Any:
        """See `Connection.fetch`."""
        async with self._cursor() as cursor:
            return await (await cursor.execute(pyformat(statement), parameters)).fetchone()

    def _cursor(self) -> Any:
        from psycopg import AsyncCursor, rows

        return AsyncCursor(self._connection, row_factory=rows.tuple_row)

    async def set_savepoint(self) -> None:
        """See `Connection.set_savepoint`."""
        self._savepoint = self._connection.transaction()
        await self._savepoint.__aenter__()

    async def release(self) -> None:
        """See `Connection.release`."""
        await self._savepoint.__aexit__(None, None, None)

    async def undo(self, error: BaseException) -> None:
        """See `Connection.undo`."""
        await self._savepoint.__aexit__(type(error), error, error.__traceback__)

    async def commit(self) -> None:
        """See `Connection.commit`."""
        await self._own.__aexit__(None, None, None)
        if not self._connection.autocommit:
            await self._connection.commit()

    async def rollback(self) -> None:
        """See `Connection.rollback`."""
        await self._own.__aexit__(*_UNDONE)
        if not self._connection.autocommit:
            await self._connection.rollback()


def _is_begun_by_caller(connection: Any) -> bool:
    """Whether a psycopg connection is in `connection.transaction()`, or in a BEGIN by hand."""
    if connection.autocommit:
        return _is_in_transaction(connection)
    # Private; where it is gone, psycopg itself forbids our commit.
    return getattr(connection, "_num_transactions", 0) > 0


def _is_in_transaction(connection: Any) -> bool:
    return connection.info.transaction_status.name in ("ACTIVE", "INTRANS", "INERROR")


def _keeper_beside(connection: Any) -> Callable[[str, dict[str, Any]], int]:
    """Keeps answers through a connection of its own to the same database: the handler's may be anybody's by then."""
    from psycopg import connect

    info = connection.info
    address = {**info.get_parameters(), "password": info.password, "connect_timeout": _CONNECT_SECONDS}

    def keep(statement: str, parameters: dict[str, Any]) -> int:
        with connect(**address) as own:
            return own.execute(pyformat(statement), parameters).rowcount

    return keep
