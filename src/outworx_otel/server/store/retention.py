"""Removes old deliveries, and the oldest if room is short, a little at a time between the writer's transactions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, select

from outworx_otel.server.store.database import Database
from outworx_otel.server.store.figures import FINE_SECONDS
from outworx_otel.server.store.schema import (
    LEVELS,
    deliveries,
    details,
    durations,
    event_types,
    rollups,
    spans,
)
from outworx_otel.server.store.tallies import (
    DELIVERIES,
    REUSABLE_ROWS,
    SPAN_BYTES,
    SPAN_OVERHEAD,
    add_to_tally,
    tally,
)

ROWS_AT_ONCE: Final = 500
SHARE_OF_SPANS: Final = 0.25
"""Of the room, for spans that are no deliveries."""

_DAY: Final = 86_400
_SLOTS_AT_ONCE: Final = 12
_RESTS: Final = 60.0
_GOES_ON_AFTER: Final = 0.02


class Retention:
    """Housekeeping, a step at a call. Figures stay as long as deliveries may, whatever is removed for room.

    Args:
        days: what is older goes.
        max_bytes: the oldest deliveries go where the database is larger.
        clock: Unix time in seconds.
    """

    def __init__(
        self, database: Database, days: float, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._days = days
        self._max_bytes = max_bytes
        self._clock = clock

    def step(self, written: int) -> float:
        """Removes some.

        Args:
            written: rows since the last call; where room is short, more than these go.

        Returns:
            Seconds after which to call again: soon where there is more to remove.
        """
        with self._database.write() as connection:
            removed = self._remove_old(connection)
            removed += self._remove_spans_beyond_their_share(connection, ROWS_AT_ONCE + written)
            removed += self._remove_for_room(connection, ROWS_AT_ONCE + written, written)
        if removed:
            return _GOES_ON_AFTER
        with self._database.write() as connection:
            more = self._database.shrink(connection)
        return _GOES_ON_AFTER if more else _RESTS

    def _remove_old(self, connection: Connection) -> int:
        oldest = int(self._clock() - self._days * _DAY)
        d, s = deliveries.c, spans.c
        old = select(d.seq).where(d.time_ns < oldest * 10**9).order_by(d.time_ns, d.seq)
        first = select(s.seq, s.time_ns).order_by(s.seq).limit(ROWS_AT_ONCE).subquery()
        removed = _remove_deliveries(connection, old.limit(ROWS_AT_ONCE))
        removed += _remove_spans(connection, select(first.c.seq).where(first.c.time_ns < oldest * 10**9))
        fine = max(oldest, int(self._clock()) - FINE_SECONDS - LEVELS[1])
        for level, keeps_from in zip(LEVELS, (fine, oldest, oldest), strict=True):
            for table in (rollups, durations):
                removed += _remove_slots(connection, table, level, keeps_from, table.c.level == level)
        return removed + _remove_slots(connection, event_types, LEVELS[-1], oldest)

    def _remove_spans_beyond_their_share(self, connection: Connection, at_once: int) -> int:
        if tally(connection, SPAN_BYTES) <= self._max_bytes * SHARE_OF_SPANS:
            return 0
        return _remove_spans(connection, select(spans.c.seq).order_by(spans.c.seq).limit(at_once))

    def _remove_for_room(self, connection: Connection, at_once: int, written: int) -> int:
        used = self._database.size(connection)
        if not self._database.counts_free_room:
            # What is removed makes room inside the files, which what is written fills again.
            reusable = tally(connection, REUSABLE_ROWS)
            of_all = self._database.size(connection, deliveries, details)
            used -= of_all * reusable // max(tally(connection, DELIVERIES) + reusable, 1)
        oldest = select(deliveries.c.seq).order_by(deliveries.c.time_ns, deliveries.c.seq)
        removed = _remove_deliveries(connection, oldest.limit(at_once)) if used > self._max_bytes else 0
        if not self._database.counts_free_room:
            add_to_tally(connection, REUSABLE_ROWS, removed - written)
        return removed


def _remove_deliveries(connection: Connection, which: Select[Any]) -> int:
    seqs = list(connection.execute(which).scalars())
    for table in (details, deliveries):
        _delete(connection, table, seqs)
    if seqs:
        add_to_tally(connection, DELIVERIES, -len(seqs))
    return len(seqs)


def _remove_spans(connection: Connection, which: Select[Any]) -> int:
    seqs = list(connection.execute(which).scalars())
    if seqs:
        held = select(func.sum(func.length(spans.c.detail) + SPAN_OVERHEAD)).where(spans.c.seq.in_(seqs))
        add_to_tally(connection, SPAN_BYTES, -int(connection.execute(held).scalar_one() or 0))
        _delete(connection, spans, seqs)
    return len(seqs)


def _remove_slots(connection: Connection, table: Any, level: int, keeps_from: int, *where: Any) -> int:
    """The first few of the slots that ended before a time."""
    first = connection.execute(select(func.min(table.c.slot)).where(*where)).scalar_one()
    if first is None or first + level > keeps_from:
        return 0
    until = min(first + _SLOTS_AT_ONCE * level, keeps_from // level * level)
    return int(connection.execute(delete(table).where(*where, table.c.slot < until)).rowcount)


def _delete(connection: Connection, table: Any, seqs: list[int]) -> None:
    for start in range(0, len(seqs), ROWS_AT_ONCE):
        connection.execute(delete(table).where(table.c.seq.in_(seqs[start : start + ROWS_AT_ONCE])))
