"""SQLAlchemy's sessions and connections, sync and async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from outworx_otel.errors import TransactionError
from outworx_otel.idempotency.guarded_store import BUDGET


class AlchemyConnection:
    """A Session or a Connection of SQLAlchemy."""

    awaits = False
    keeps_here = False

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self._is_session = hasattr(subject, "get_bind")
        self._connection: Any = None
        self._savepoint: Any = None
        self._transaction: Any = None
        self.database = ""
        self.joins = self._is_begun_by_caller()

    def _is_begun_by_caller(self) -> bool:
        subject = self._subject
        if subject.in_nested_transaction():
            return True
        if not self._is_session:
            # Set by `with connection.begin()` and `engine.begin()` alone. Private, so without it we commit.
            return getattr(subject, "_trans_context_manager", None) is not None
        begun = subject.get_transaction()
        return begun is not None and begun.origin.name != "AUTOBEGIN"

    def open(self) -> None:
        """See `Connection.open`."""
        subject = self._subject
        if not subject.in_transaction():
            subject.begin()
        self._connection = connection = subject.connection() if self._is_session else subject
        self._transaction = subject.get_transaction()
        dialect = connection.dialect
        self.database = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
        if self._commits_each_statement():
            raise TransactionError(
                "track.once(): the connection is in AUTOCOMMIT, so the key cannot be in one transaction with the "
                "effect; use an engine without isolation_level='AUTOCOMMIT' for what the block does"
            )

    def _commits_each_statement(self) -> bool:
        connection = self._connection
        level = connection.get_execution_options().get("isolation_level")
        if level is None:
            # What `create_engine` was told. Private; the driver knows where it is gone.
            level = getattr(connection.dialect, "_on_connect_isolation_level", None)
        return (
            level == "AUTOCOMMIT" or getattr(connection.connection.driver_connection, "autocommit", 0) is True
        )

    def change(self, statement: str, parameters: dict[str, Any]) -> int:
        """See `Connection.change`."""
        return int(self._connection.execute(_text(statement), parameters).rowcount)

    def fetch(self, statement: str, parameters: dict[str, Any]) -> Any:
        """See `Connection.fetch`."""
        result = self._connection.execute(_text(statement), parameters)
        return result.fetchone() if result.returns_rows else None

    def set_savepoint(self) -> None:
        """See `Connection.set_savepoint`."""
        self._savepoint = self._subject.begin_nested()

    def release(self) -> None:
        """See `Connection.release`."""
        self._savepoint.commit()

    def undo(self, error: BaseException) -> None:
        """See `Connection.undo`."""
        self._savepoint.rollback()

    def commit(self) -> None:
        """See `Connection.commit`."""
        self._subject.commit()

    def rollback(self) -> None:
        """See `Connection.rollback`."""
        self._subject.rollback()

    def is_open(self) -> bool:
        """See `Connection.is_open`."""
        return bool(self._transaction.is_active) and self._subject.get_transaction() is self._transaction

    def keeper(self) -> Callable[[str, dict[str, Any]], int]:
        """See `Connection.keeper`."""
        engine = self._connection.engine

        def keep(statement: str, parameters: dict[str, Any]) -> int:
            with engine.begin() as connection:
                return int(connection.execute(_text(statement), parameters).rowcount)

        return keep

    @property
    def engine(self) -> Any:
        """What the connection came from."""
        return self._connection.engine


class AwaitedAlchemyConnection:
    """An AsyncSession or an AsyncConnection: the sync one inside it, in SQLAlchemy's greenlet."""

    awaits = True
    keeps_here = False

    def __init__(self, subject: Any) -> None:
        self._run = subject.run_sync
        inner = getattr(subject, "sync_session", None) or subject.sync_connection
        self._sync = AlchemyConnection(inner)
        self.joins = self._sync.joins

    @property
    def database(self) -> str:
        """See `Connection.database`."""
        return self._sync.database

    def _awaited(self, method: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        awaitable: Awaitable[Any] = self._run(lambda _: method(*arguments))
        return awaitable

    def open(self) -> Awaitable[None]:
        """See `Connection.open`."""
        return self._awaited(self._sync.open)

    def change(self, statement: str, parameters: dict[str, Any]) -> Awaitable[int]:
        """See `Connection.change`."""
        return self._awaited(self._sync.change, statement, parameters)

    def fetch(self, statement: str, parameters: dict[str, Any]) -> Awaitable[Any]:
        """See `Connection.fetch`."""
        return self._awaited(self._sync.fetch, statement, parameters)

    def set_savepoint(self) -> Awaitable[None]:
        """See `Connection.set_savepoint`."""
        return self._awaited(self._sync.set_savepoint)

    def release(self) -> Awaitable[None]:
        """See `Connection.release`."""
        return self._awaited(self._sync.release)

    def undo(self, error: BaseException) -> Awaitable[None]:
        """See `Connection.undo`."""
        return self._awaited(self._sync.undo, error)

    def commit(self) -> Awaitable[None]:
        """See `Connection.commit`."""
        return self._awaited(self._sync.commit)

    def rollback(self) -> Awaitable[None]:
        """See `Connection.rollback`."""
        return self._awaited(self._sync.rollback)

    def is_open(self) -> bool:
        """See `Connection.is_open`."""
        return self._sync.is_open()

    def keeper(self) -> Callable[[str, dict[str, Any]], Awaitable[int]]:
        """See `Connection.keeper`."""
        import asyncio

        from sqlalchemy.ext.asyncio import AsyncEngine

        engine = AsyncEngine(self._sync.engine)

        async def run(statement: str, parameters: dict[str, Any]) -> int:
            async with engine.begin() as connection:
                return int((await connection.execute(_text(statement), parameters)).rowcount)

        async def keep(statement: str, parameters: dict[str, Any]) -> int:
            return await asyncio.wait_for(run(statement, parameters), BUDGET)

        return keep


@lru_cache(64)
def _text(statement: str) -> Any:
    from sqlalchemy import text

    return text(statement)
