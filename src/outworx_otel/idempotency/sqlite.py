"""`sqlite:///path`: keys in a file that the processes of one machine share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import CursorResult, Executable, bindparam, event, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.memory import FORGOTTEN_AFTER
from outworx_otel.idempotency.protocol import Claim, Claimed, Completed, InProgress
from outworx_otel.idempotency.record import decode
from outworx_otel.idempotency.sql import MAX_RACES, SqlBackend, bound
from outworx_otel.idempotency.store_address import StoreAddress

# SQLite's own busy handler sleeps longer and longer, up to 100 ms, so that under load the unlucky starve.
_NAP: Final = 0.002
# Between reading the clock and comparing, and of doubles.
_CLOCK_SLACK: Final = 0.001


class SqliteBackend(SqlBackend):
    """Keys in a SQLite file in WAL mode: readers never wait, a claim and a complete are one commit each.

    Duplicates are answered from a read alone. A commit survives a crash of the process; after a power cut the last
    ones may be gone (`synchronous=NORMAL`).

    Args:
        address: `sqlite:///relative` or `sqlite:////absolute`.
        table: the table's name.
        budget: seconds to go on trying while another process writes.
        clock: Unix time, the same for all processes of the machine.

    Raises:
        ConfigurationError: no path, or one in a directory that does not exist.
    """

    def __init__(
        self, address: StoreAddress, *, table: str, budget: float, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(address, table=table, now=bindparam("p_now"), budget=budget)
        path = self._url.database
        if self._url.host or self._url.username:
            raise ConfigurationError(
                "idempotency_store: sqlite:// takes a path after three slashes: sqlite:///keys.db"
            )
        if not path or path == ":memory:":
            raise ConfigurationError(
                "idempotency_store: sqlite:// needs a path (sqlite:///keys.db); else use memory://"
            )
        if not Path(path).absolute().parent.is_dir():
            raise ConfigurationError(f"idempotency_store {self}: its directory does not exist")
        self._clock = clock
        t = self.table
        self._look = select(t.c.token, t.c.lease, t.c.deadline, t.c.expires, t.c.answer).where(
            t.c.key == bound("key")
        )
        values = {**self.lease_values, "answer": None}
        self._take = (
            insert(t)
            .values(key=bound("key"), **values)
            .on_conflict_do_update(index_elements=[t.c.key], set_=values, where=self.free)
        )
        self._restart = (
            update(t)
            .where(t.c.key == bound("key"), t.c.token == bound("token"), t.c.deadline == bound("deadline"))
            .values(deadline=bound("now") + t.c.lease, expires=bound("now") + t.c.lease + FORGOTTEN_AFTER)
        )

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`."""
        return self.run(lambda connection: self._claim(connection, key, token, lease))

    def execute(self, connection: Connection, statement: Executable, **parameters: Any) -> CursorResult[Any]:
        """See `SqlBackend.execute`; there is no server whose clock could be asked."""
        return connection.execute(statement, {"p_now": self._clock(), **parameters})

    def make_engine(self) -> Engine:
        """See `SqlBackend.make_engine`."""
        engine = create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=0,
            pool_timeout=self._budget,
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={"timeout": 0, "check_same_thread": False},
        )
        event.listen(engine, "connect", _set_up)
        return engine

    def pause_after(self, error: DBAPIError) -> float | None:
        """See `SqlBackend.pause_after`."""
        # sqlite3 tells codes only since Python 3.11.
        said = str(error.orig)
        another_writes = isinstance(error, OperationalError) and ("locked" in said or "busy" in said)
        return _NAP if another_writes else None

    def make_schema(self, engine: Engine) -> None:
        """See `SqlBackend.make_schema`."""
        with engine.connect() as connection:
            self.execute(connection, text("PRAGMA journal_mode=WAL"))
            self.execute(connection, CreateTable(self.table, if_not_exists=True))
            for index in self.table.indexes:
                self.execute(connection, CreateIndex(index, if_not_exists=True))

    def _claim(self, connection: Connection, key: str, token: str, lease: float) -> Claim:
        for _ in range(MAX_RACES):
            now = self._clock()
            row = self.execute(connection, self._look, p_key=key).one_or_none()
            if row is not None and row.expires > now:
                if row.answer is not None:
                    return Completed(decode(row.answer))
                left = row.deadline - now
                if row.token != token and left > 0:
                    return InProgress(self._without_jump(connection, key, row, left))
            if self.execute(connection, self._take, p_key=key, p_token=token, p_lease=lease).rowcount == 1:
                return Claimed(token)
        raise TimeoutError("other claims of the same key kept coming first")

    def _without_jump(self, connection: Connection, key: str, row: Any, left: float) -> float:
        lease: float = row.lease
        if left <= lease + _CLOCK_SLACK:
            return left
        # More is left than was ever granted: the machine's clock was set back. The lease starts again, so that a dead
        # holder frees the key in time; a live one renews by the new clock anyway.
        self.execute(connection, self._restart, p_key=key, p_token=row.token, p_deadline=row.deadline)
        return lease


def _set_up(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL").close()
