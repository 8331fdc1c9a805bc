"""Removes old deliveries, and some if room is short, a little at a time between the writer's transactions.

Age is counted from arrival, and in a time of the store's own: it goes on by what the clock says has passed, and never
by more than has passed while the server ran. So neither a sender's clock nor this machine's, when it jumps, makes
anything old at once. Marks, one an hour, say what had arrived at which age.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select

from outworx_otel.server.store.arrival import forget_marks, mark, mark_before
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.figures import FINE_SECONDS
from outworx_otel.server.store.history import History, HistoryWriter
from outworx_otel.server.store.removal import ROWS_AT_ONCE
from outworx_otel.server.store.schema import LEVELS, durations, endpoint_figures, event_types, rollups
from outworx_otel.server.store.tallies import AGE, AGE_WALL, set_tally, tally

_DAY: Final = 86_400
_MARKS_EVERY: Final = 3600
# A server that was away: its clock may have been set meanwhile.
_MOST_AWAY: Final = _DAY
_SLOTS_AT_ONCE: Final = 12
_RESTS: Final = 60.0
_GOES_ON_AFTER: Final = 0.02


class Retention:
    """Housekeeping, a step at a call. Figures stay as long as deliveries may, whatever is removed for room.

    Args:
        days: what has been here for longer goes.
        max_bytes: where the database is larger, deliveries that were never proved genuine go, down to their share,
            and then what arrived first.
        clock: Unix time in seconds.
        ticks: seconds that only go up.
    """

    def __init__(
        self,
        database: Database,
        history: History,
        days: float,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._history = history
        self._days = days
        self._max_bytes = max_bytes
        self._clock = clock
        self._ticks = ticks
        self._ticked: float | None = None

    def step(self, written: int) -> float:
        """Removes some.

        Args:
            written: rows since the last call; where room is short, more than these go.

        Returns:
            Seconds after which to call again: soon where there is more to remove.
        """
        with self._database.write() as connection:
            history = self._history.writer(connection)
            removed = self._remove_old(connection, history)
            removed += history.make_room(self._max_bytes, ROWS_AT_ONCE + written)
        history.finish()
        if removed:
            return _GOES_ON_AFTER
        with self._database.write() as connection:
            more = self._database.shrink(connection)
        return _GOES_ON_AFTER if more else _RESTS

    def _remove_old(self, connection: Connection, history: HistoryWriter) -> int:
        now, kept = int(self._clock()), self._days * _DAY
        age = self._age(connection, now)
        mark(connection, history, age, now, min(_MARKS_EVERY, kept / 24))
        old = mark_before(connection, age - kept)
        oldest, removed = 0, 0
        if old is not None:
            removed += history.remove_arrived(old.deliveries, old.spans)
            forget_marks(connection, old.age)
            # Figures are kept by the deliveries' own times.
            oldest = min(old.wall, now - int(kept))
        finest = FINE_SECONDS + LEVELS[1]
        recent = mark_before(connection, age - finest)
        fine = max(oldest, 0 if recent is None else min(recent.wall, now - finest))
        for level, keeps_from in zip(LEVELS, (fine, oldest, oldest), strict=True):
            for table in (rollups, durations, endpoint_figures):
                removed += _remove_slots(connection, table, level, keeps_from, table.c.level == level)
        return removed + _remove_slots(connection, event_types, LEVELS[-1], oldest)

    def _age(self, connection: Connection, now: int) -> int:
        """Counts on; servers that share the database do so together."""
        ticked, last = self._ticks(), tally(connection, AGE_WALL)
        most = _MOST_AWAY if self._ticked is None else math.ceil(ticked - self._ticked)
        self._ticked = ticked
        age = tally(connection, AGE) + (min(max(now - last, 0), most) if last else 0)
        set_tally(connection, AGE, age)
        set_tally(connection, AGE_WALL, now)
        return age


def _remove_slots(connection: Connection, table: Any, level: int, keeps_from: int, *where: Any) -> int:
    """The first few of the slots that ended before a time."""
    first = connection.execute(select(func.min(table.c.slot)).where(*where)).scalar_one()
    if first is None or first + level > keeps_from:
        return 0
    until = min(first + _SLOTS_AT_ONCE * level, keeps_from // level * level)
    return int(connection.execute(delete(table).where(*where, table.c.slot < until)).rowcount)
