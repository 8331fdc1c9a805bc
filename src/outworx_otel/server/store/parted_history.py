"""The history in PostgreSQL, in parts by day of arrival: numbered, looked through and dropped by them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from outworx_otel.server.fields import IN_ROW
from outworx_otel.server.store import partitions, removal
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.database_errors import is_locked, is_missing
from outworx_otel.server.store.history import History, NewDelivery
from outworx_otel.server.store.partitions import UNPROVED, TablePart
from outworx_otel.server.store.schema import deliveries, marks, spans
from outworx_otel.server.store.sql_history import SqlHistory, SqlWriter
from outworx_otel.server.store.statements import select_among

_VALID: Final = IN_ROW.index("signature_valid")
# So that a page looks into as many at most, however long everything is kept.
_MOST_PARTS: Final = 32
# So far back is looked for other deliveries of an event, and for other spans of a trace: in all parts it would take
# longer than everything else. What went wrong has a row of its own, however long ago.
_LATELY_NS: Final = 2 * partitions.DAY_NS
_TRIES_AGAIN_AFTER: Final = 5.0
_MAKES_AGAIN_AFTER: Final = 60.0
# Where to begin is a number of ours; by it the database passes over whole parts.
_THERE: Final = "SELECT id FROM deliveries WHERE seq >= {} AND id IN ({{}})"
_logger = logging.getLogger("outworx_otel.server")


def history_of(database: Database, days: float, clock: Callable[[], float]) -> History:
    """The history that a database has.

    Args:
        days: for how long everything is kept.
        clock: Unix time in seconds.
    """
    if database.writing.dialect.name == "postgresql":
        return PartedHistory(database, days, clock)
    return SqlHistory(database)


class PartedHistory(SqlHistory):
    """See `history_of`."""

    def __init__(self, database: Database, days: float, clock: Callable[[], float]) -> None:
        super().__init__(database)
        self._days_of_a_part = math.ceil(days / _MOST_PARTS) or 1
        self._clock = clock
        self._makes_at = self._drops_at = -math.inf
        # The first numbers of the day for which the next parts were looked for, and of the parts in use.
        self._looked_for = self._in_use = 0

    def now_ns(self) -> int:
        """By the clock that is given."""
        return int(self._clock() * 1e9)

    def prepare(self, deliveries: int, spans: int) -> None:
        """See `History.prepare`: makes the next day's parts. Where that is not possible, the last ones go on."""
        today = partitions.first_of(self.now_ns())
        if today == self._looked_for or time.monotonic() < self._makes_at:
            return
        try:
            with self._database.write() as connection:
                partitions.make_ahead(connection, self.now_ns(), self._days_of_a_part)
            self._looked_for = today
        except SQLAlchemyError as error:
            self._makes_at = time.monotonic() + _MAKES_AGAIN_AFTER
            _logger.warning("no part for the next day can be made now: %s", self._database.explain(error))

    def writer(self, connection: Connection, *, careful: bool = False) -> PartedWriter:
        """See `History.writer`: it always looks, as no index spans the parts."""
        return PartedWriter(self, self._database, connection)

    def has_begun(self, first: int) -> bool:
        """Whether a day's parts are in use for the first time since this was last asked."""
        before, self._in_use = self._in_use, first
        return first != before

    @property
    def drops(self) -> bool:
        """Whether parts may be dropped now: not at once again where somebody was reading."""
        return time.monotonic() >= self._drops_at

    def drop(self, part: TablePart) -> None:
        """Drops a part, in a transaction of its own; later, where that would keep those who read waiting."""
        try:
            # What it holds is counted before, while others write.
            with self._database.reading.connect() as connection:
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                held = partitions.held_in(connection, part)
            with self._database.write() as connection:
                partitions.drop(connection, part)
                removal.count_dropped(connection, part, held)
        except SQLAlchemyError as error:
            # Another server may have dropped it meanwhile.
            if is_locked(error):
                self._drops_at = time.monotonic() + _TRIES_AGAIN_AFTER
            elif not is_missing(error):
                raise


class PartedWriter(SqlWriter):
    """See `PartedHistory`."""

    def __init__(self, history: PartedHistory, database: Database, connection: Connection) -> None:
        super().__init__(database, connection, careful=True)
        self._history = history
        self._first = partitions.in_use(connection, history.now_ns())
        self._firsts = partitions.firsts_of(connection) or [0]
        self._lately = f"d.seq >= {self._since(history.now_ns() - _LATELY_NS)} AND "
        self._going: list[TablePart] = []

    def last_delivery(self) -> int:
        return self._last(deliveries)

    def last_span(self) -> int:
        return self._last(spans)

    def stored(self, ids: Sequence[str], times_ns: Sequence[int]) -> set[str]:
        query = _THERE.format(self._since(min(times_ns)))
        return {id for (id,) in select_among(self._connection, self._mark, query, ids)}

    def _since(self, time_ns: int) -> int:
        return self._firsts[partitions.oldest_with(self._firsts, time_ns)]

    def insert(self, new: Sequence[NewDelivery]) -> None:
        """See `HistoryWriter.insert`: what was not proved genuine has parts of its own."""
        super().insert(
            [one if one.row[_VALID] is True else one._replace(seq=one.seq + UNPROVED) for one in new]
        )

    def remove_arrived(self, until_delivery: int, until_span: int) -> int:
        """See `HistoryWriter.remove_arrived`: parts, once everything in them is old.

        Row by row goes what was there before there were parts, and what is old in a part that is still in use.
        """
        if not self._history.drops:
            return 0
        for table, until in ((deliveries, until_delivery), (spans, until_span)):
            self._going += [one for one in self._closed(table) if one.end <= until]
        removed = removal.remove_arrived(self._connection, until_delivery, until_span, self._is_old)
        return removed + len(self._going)

    def make_room(self, max_bytes: int, at_once: int) -> int:
        """See `HistoryWriter.make_room`: whole parts, where nothing comes to them any more."""
        if not self._history.drops:
            return 0
        if self._history.has_begun(self._first):
            for table in (deliveries, spans):
                closed = self._closed(table)
                self._going += [one for one in closed if partitions.is_empty(self._connection, one)]
        return removal.make_room(self._connection, self._database, max_bytes, at_once, self._goes_whole)

    def finish(self) -> None:
        for part in dict.fromkeys(self._going):
            self._history.drop(part)

    def _is_old(self, seq: ColumnElement[int], until: int) -> ColumnElement[bool]:
        """Whether a row goes by itself."""
        before = and_(seq < partitions.BEFORE_PARTS, seq <= until)
        in_use = (and_(seq >= self._first + half, seq <= until + half) for half in (0, UNPROVED))
        return or_(before, *in_use)

    def _goes_whole(self, table: Table, seq: int) -> bool:
        """Drops the part of a row at the end, where it is a closed day's; whether it is."""
        closed = [one for one in self._closed(table) if one.first and one.first <= seq < one.end]
        self._going += closed
        return bool(closed)

    def _last(self, table: Table) -> int:
        seq, first = table.c.seq, self._first
        halves = [select(func.max(seq)).where(seq >= first, seq < first + UNPROVED)]
        if table is deliveries:
            unproved = first + UNPROVED
            halves.append(select(func.max(seq) - UNPROVED).where(seq >= unproved, seq < unproved + UNPROVED))
        known = (*halves, select(func.max(marks.c[table.name])))
        found = self._connection.execute(select(*(one.scalar_subquery() for one in known))).one()
        return max(first, *(int(number or 0) for number in found))

    def _closed(self, table: Table) -> list[TablePart]:
        """The parts to which nothing comes any more."""
        return [one for one in partitions.parts_of(self._connection, table.name) if one.end <= self._first]
