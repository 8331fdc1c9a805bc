"""The history in columns, beside a state in SQLite or PostgreSQL."""

from __future__ import annotations

import contextlib
import datetime
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from outworx_otel.server.store.columns import room
from outworx_otel.server.store.columns.address import address_of
from outworx_otel.server.store.columns.engine import READ_SECONDS, WRITE_SECONDS, Engine
from outworx_otel.server.store.columns.moved import Moved, batches, metadata
from outworx_otel.server.store.columns.reading import ColumnReader
from outworx_otel.server.store.columns.tables import Tables, new_state
from outworx_otel.server.store.columns.writing import ColumnWriter, Remembered
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.store_errors import StoreUnavailable
from outworx_otel.server.store.tallies import LAST_DELIVERY, LAST_SPAN, set_tally, tally

_STATE: Final = "column_state"
_STAYS: Final = (
    "ClickHouse removes the files that held it within some minutes (`old_parts_lifetime`); a backup, and another"
    " replica that is away, keep it"
)


class ColumnHistory:
    """Of a server, or of the engine in this process.

    A batch is written in this order: its numbers are taken in a transaction of its own (`prepare`), then, in the
    transaction that counts it, it is inserted, and its row of `column_batches` goes. Where that transaction was never
    durable the row is still there, and whoever writes next takes its deliveries out of the columns: they were not
    acknowledged, and are sent again.

    Args:
        url: `clickhouse://` or `chdb://`.
        state: has its tables.
        clock: Unix time in seconds.

    Raises:
        ConfigurationError: a URL that cannot be used, or what it needs is not installed.
        StoreUnavailable: it does not answer, or is another process's.
    """

    compresses = True

    def __init__(self, url: str, state: Database, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._prepared: tuple[int, int] | None = None
        self._written = 0
        self._remembered = Remembered()
        self._moved = Moved(state)
        self._engine = engine = Engine(address_of(url))
        self._tables = Tables(engine)
        try:
            self._tables.make()
            self._claim()
        except BaseException:
            engine.close()
            raise

    @contextlib.contextmanager
    def read(self) -> Iterator[ColumnReader]:
        """See `History.read`."""
        yield self._reader()

    def prepare(self, deliveries: int, spans: int) -> None:
        """See `History.prepare`: takes numbers for them."""
        self.check()
        with self._state.write() as connection:
            last = tally(connection, LAST_DELIVERY), tally(connection, LAST_SPAN)
            mine = select(batches).where(batches.c.holder == self._holder)
            left = connection.execute(mine).one_or_none()
            connection.execute(delete(batches).where(batches.c.holder == self._holder))
            row = {
                "holder": self._holder,
                # What an earlier one left is not counted either.
                "first_delivery": left.first_delivery if left is not None else last[0] + 1,
                "first_span": left.first_span if left is not None else last[1] + 1,
                "last_delivery": last[0] + deliveries,
                "last_span": last[1] + spans,
            }
            connection.execute(insert(batches), row)
            set_tally(connection, LAST_DELIVERY, last[0] + deliveries)
            set_tally(connection, LAST_SPAN, last[1] + spans)
        self._prepared = last

    def writer(self, connection: Connection, *, careful: bool = False) -> ColumnWriter:
        """See `History.writer`: it always looks first what is there."""
        numbers, self._prepared = self._prepared, None
        if numbers is None:
            numbers = tally(connection, LAST_DELIVERY), tally(connection, LAST_SPAN)
        else:
            self._take_out_what_is_not_counted(connection, numbers)
        self._written += 1
        return ColumnWriter(
            self._engine,
            self._tables,
            connection,
            self._reader(seconds=WRITE_SECONDS),
            self._moved,
            numbers,
            f"outworx-{self._holder}-{self._written}",
            datetime.datetime.fromtimestamp(self._clock(), datetime.timezone.utc).date(),
            self._remembered,
        )

    def check(self) -> None:
        """See `History.check`."""
        self._engine.query("SELECT 1", seconds=WRITE_SECONDS)

    def overwrite(self) -> str | None:
        """See `History.overwrite`."""
        room.overwrite(self._engine, self._tables)
        of_state = self._state.overwrite()
        return _STAYS if of_state is None else f"{_STAYS}; {of_state}"

    def close(self) -> None:
        """See `History.close`."""
        self._engine.close()

    def _reader(self, seconds: int = READ_SECONDS) -> ColumnReader:
        return ColumnReader(
            self._engine,
            self._tables,
            self._state,
            self._moved,
            now_ns=int(self._clock() * 1e9),
            seconds=seconds,
        )

    def _claim(self) -> None:
        """Makes the state's own tables, and sees to it that both belong together."""
        try:
            with self._state.write() as connection:
                metadata.create_all(connection)
                number = tally(connection, _STATE) or int(new_state(), 16) >> 1
                set_tally(connection, _STATE, number)
        except SQLAlchemyError as error:
            raise StoreUnavailable(self._state.explain(error)) from error
        self._tables.claim(f"{number:016x}")
        try:
            with self._state.write() as connection:
                for row in connection.execute(select(batches)).all():
                    self._taken_out(row, row.last_delivery, row.last_span)
                connection.execute(delete(batches))
                for name, table in (
                    (LAST_DELIVERY, self._tables.deliveries),
                    (LAST_SPAN, self._tables.spans),
                ):
                    last = self._engine.query(f"SELECT max(seq) FROM {table}", seconds=60)[0][0]
                    set_tally(connection, name, max(tally(connection, name), last))
        except SQLAlchemyError as error:
            raise StoreUnavailable(self._state.explain(error)) from error

    def _take_out_what_is_not_counted(self, connection: Connection, numbers: tuple[int, int]) -> None:
        """Of batches whose process was killed, or whose transaction failed; in the transaction that counts ours.

        Nobody else is inserting now. Another's row without a delivery in the columns is perhaps of one that waits to.
        """
        left = connection.execute(select(batches)).all()
        done = []
        for row in left:
            mine = row.holder == self._holder
            last = numbers if mine else (row.last_delivery, row.last_span)
            if self._taken_out(row, *last) or mine:
                done.append(row.holder)
        if self._holder not in done:
            raise StoreUnavailable(
                f"database {self._engine.shown}: another server stood in the way: send again"
            )
        connection.execute(delete(batches).where(batches.c.holder.in_(done)))

    def _taken_out(self, row: Row[Any], last_delivery: int, last_span: int) -> bool:
        """Whether there was something."""
        found = False
        for table, first, last in (
            (self._tables.deliveries, row.first_delivery, last_delivery),
            (self._tables.spans, row.first_span, last_span),
        ):
            if first > last:
                continue
            self._wait_for_no_insert(row.holder)
            condition = f"seq BETWEEN {first} AND {last}"
            if self._engine.query(f"SELECT count() FROM {table} WHERE {condition}", seconds=WRITE_SECONDS)[0][
                0
            ]:
                room.delete(self._engine, self._tables, table, condition)
                self._remembered.clear()
                found = True
        return found

    def _wait_for_no_insert(self, holder: str) -> None:
        """What is still being inserted could not be taken out.

        Raises:
            StoreUnavailable: something is.
        """
        own = f"SELECT count() FROM system.processes WHERE query_id LIKE 'outworx-{holder}-%'"
        if self._engine.query(own, seconds=WRITE_SECONDS)[0][0]:
            raise StoreUnavailable(
                f"database {self._engine.shown}: an insert has not come to an end: send again"
            )
