"""`postgresql+psycopg://...`: keys in a table that all machines share."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import (
    ColumnElement,
    Executable,
    LargeBinary,
    bindparam,
    cast,
    event,
    exists,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, Dialect, Engine, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import Double, String

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.postgresql_connection import (
    FIXED,
    SETTINGS,
    check_options,
    has_too_many_connections,
)
from outworx_otel.idempotency.protocol import Claim, Claimed, Completed, InProgress
from outworx_otel.idempotency.record import decode
from outworx_otel.idempotency.sql import MAX_RACES, SqlBackend, bound
from outworx_otel.idempotency.store_address import StoreAddress

T = TypeVar("T")

logger = logging.getLogger("outworx_otel")

OWN: Final = frozenset({"table", "connections"})
# libpq's least, in whole seconds. Longer than a delivery's budget: the connection is made in the background all the
# same, and the next delivery has it.
_CONNECT_SECONDS: Final = 2
_CONFLICTS: Final = ("40001", "40P01")
_CONFLICT_NAP: Final = 0.005
_REFUSED_NAP: Final = 0.04
_SCHEMA_LOCK: Final = 0x6F757477
"""Advisory lock for making the table: CREATE ... IF NOT EXISTS is not safe against itself (PostgreSQL 17)."""


class PostgresqlBackend(SqlBackend):
    """Keys in PostgreSQL, each operation one statement, one round trip and one commit, by the server's clock.

    Args:
        address: `postgresql+psycopg://user:password@host/database`, parsed with `OWN` and `FIXED`; the rest of the
            query is libpq's.
        table: the table's name.
        budget: seconds that one statement may take.
        connections: at most.

    Raises:
        ConfigurationError: a URL that SQLAlchemy does not take, or an option that libpq does not know.
    """

    def __init__(self, address: StoreAddress, *, table: str, budget: float, connections: int) -> None:
        # `statement_timestamp`, not `clock_timestamp`: a volatile function could not use the index.
        now: ColumnElement[Any] = func.date_part("epoch", func.statement_timestamp(), type_=Double)
        super().__init__(address, table=table, now=now, budget=budget)
        self._url = self._url.set(drivername="postgresql+psycopg")
        self._check_options()
        self._connections = connections
        self._written: dict[Executable, _Written] = {}
        t = self.table
        values = {**self.lease_values, "answer": None}
        attempt = (
            insert(t)
            .values(key=bound("key"), **values)
            .on_conflict_do_update(index_elements=[t.c.key], set_=values, where=self.free)
            .returning(t.c.key)
            .cte("attempt")
        )
        found = select(
            literal(False).label("claimed"), (t.c.deadline - now).label("seconds_left"), t.c.answer
        ).where(t.c.key == bound("key"), t.c.expires > now, ~exists(select(attempt.c.key)))
        taken = select(literal(True), cast(null(), Double), cast(null(), LargeBinary)).select_from(attempt)
        self._claim = found.union_all(taken)

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`."""
        return self.run(lambda connection: self._take(connection, key, token, lease))

    def changed(self, statement: Executable, **parameters: Any) -> bool:
        """See `SqlBackend.changed`."""
        return self.run(lambda connection: self._ask(connection, statement, parameters).rowcount) == 1

    def _check_options(self) -> None:
        fixed = sorted(FIXED & self._address.options.keys())
        if fixed:
            logger.info("idempotency store %s: its URL's %s is passed over", self, ", ".join(fixed))
        try:
            check_options(self._url)
        except (psycopg.Error, SQLAlchemyError, ValueError) as error:
            raise ConfigurationError(f"idempotency_store {self}: {self.explain(error)}") from None

    def make_engine(self) -> Engine:
        """See `SqlBackend.make_engine`."""
        engine = create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            pool_size=self._connections,
            max_overflow=0,
            pool_timeout=self._budget,
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={**SETTINGS, "connect_timeout": _CONNECT_SECONDS},
        )
        budget = self._budget

        @event.listens_for(engine, "do_connect")
        def connect(_dialect: Any, _record: Any, args: Any, options: Any) -> _Connection:
            connection = _Connection.connect(*args, **options)
            connection.budget = budget
            return connection

        return engine

    def make_schema(self, engine: Engine) -> None:
        """See `SqlBackend.make_schema`."""
        look = select(func.to_regclass(bindparam("p_table", self.table.name, type_=String)))
        with engine.connect() as connection:
            if connection.execute(look).scalar_one() is not None:
                return
        with (
            engine.connect().execution_options(isolation_level="READ COMMITTED") as connection,
            connection.begin(),
        ):
            connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            connection.execute(CreateTable(self.table, if_not_exists=True))
            for index in self.table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))

    def pause_after(self, error: DBAPIError) -> float | None:
        """See `SqlBackend.pause_after`."""
        if has_too_many_connections(error.orig):
            # One of this process's own will be free soon, and each attempt costs the server a process.
            return _REFUSED_NAP
        # Where the role, the database or PGOPTIONS sets an isolation level above READ COMMITTED.
        return _CONFLICT_NAP if getattr(error.orig, "sqlstate", None) in _CONFLICTS else None

    def skipping_locked(self, rows: Any) -> Any:
        """See `SqlBackend.skipping_locked`."""
        return rows.with_for_update(skip_locked=True)

    def _take(self, connection: Connection, key: str, token: str, lease: float) -> Claim:
        parameters = {"p_key": key, "p_token": token, "p_lease": lease}
        for _ in range(MAX_RACES):
            row = self._ask(connection, self._claim, parameters).fetchone()
            if row is None:
                # Another claim of this very moment won: its row is newer than this statement's snapshot, so that the
                # insert met it and the look-up did not. The next statement sees it.
                continue
            claimed, seconds_left, answer = row
            if claimed:
                return Claimed(token)
            if answer is not None:
                return Completed(decode(answer))
            if seconds_left > 0:
                return InProgress(seconds_left)
        raise TimeoutError("other claims of the same key kept coming first")

    def _ask(
        self, connection: Connection, statement: Executable, parameters: dict[str, Any]
    ) -> psycopg.Cursor[Any]:
        """Sends a statement by psycopg itself: SQLAlchemy would take longer over it than all else together."""
        written = self._written.get(statement)
        if written is None:
            written = self._written[statement] = _Written(statement, connection.dialect)
        there: Any = connection.connection.dbapi_connection
        try:
            cursor: psycopg.Cursor[Any] = there.execute(written.text, {**written.constants, **parameters})
        except psycopg.Error as error:
            lost: bool = there.closed  # broken, too
            if lost:
                connection.invalidate(error)
            raise DBAPIError(None, None, error, hide_parameters=True, connection_invalidated=lost) from error
        return cursor


class _Written:
    """A statement as psycopg takes it, and the parameters that are always the same."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self.constants: dict[str, Any] = dict(compiled.params)


class _Connection(psycopg.Connection[Any]):
    """A connection whose every wait ends: a server that hangs would hold a thread for ever."""

    budget = 0.25

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        return super().wait(_ending(gen, time.monotonic() + self.budget), *args, **kwargs)


def _ending(gen: Generator[Any, Any, T], deadline: float) -> Generator[Any, Any, T]:
    # psycopg resumes the generator every 0.1 s even if nothing came, for Ctrl-C's sake.
    try:
        state = next(gen)
        while True:
            ready = yield state
            if not ready and time.monotonic() > deadline:
                raise TimeoutError("the server did not answer in time")
            state = gen.send(ready)
    except StopIteration as done:
        value: T = done.value
        return value
