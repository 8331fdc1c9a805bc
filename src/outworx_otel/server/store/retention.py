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

from sqlalchemy import Connection, Select, delete, func, select

from outworx_otel.server.store.arrival import forget_marks, mark, mark_before
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.figures import FINE_SECONDS
from outworx_otel.server.store.schema import (
    LEVELS,
    deliveries,
    details,
    durations,
    endpoint_figures,
    event_types,
    rollups,
    spans,
    unproved,
)
from outworx_otel.server.store.tallies import (
    AGE,
    AGE_WALL,
    DELIVERIES,
    DELIVERY_BYTES,
    DELIVERY_OVERHEAD,
    REUSABLE_BYTES,
    SPAN_BYTES,
    SPAN_OVERHEAD,
    UNPROVED_BYTES,
    add_to_tally,
    set_tally,
    tally,
)

ROWS_AT_ONCE: Final = 500
SHARE_OF_SPANS: Final = 0.25
"""Of the room, for spans that are no deliveries."""

SHARE_OF_UNPROVED: Final = 0.1
"""Of the room, what deliveries that no signature proved genuine keep when it is short. Beyond it they go first."""

_DAY: Final = 86_400
_MARKS_EVERY: Final = 3600
# A server that was away: its clock may have been set meanwhile.
_MOST_AWAY: Final = _DAY
_SLOTS_AT_ONCE: Final = 12
_RESTS: Final = 60.0
_GOES_ON_AFTER: Final = 0.02
_BYTES: Final = func.length(details.c.detail) + DELIVERY_OVERHEAD


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
        days: float,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
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
            removed = self._remove_old(connection)
            removed += self._remove_spans_beyond_their_share(connection, ROWS_AT_ONCE + written)
            removed += self._remove_for_room(connection, ROWS_AT_ONCE + written)
        if removed:
            return _GOES_ON_AFTER
        with self._database.write() as connection:
            more = self._database.shrink(connection)
        return _GOES_ON_AFTER if more else _RESTS

    def _remove_old(self, connection: Connection) -> int:
        now, kept = int(self._clock()), self._days * _DAY
        age = self._age(connection, now)
        mark(connection, age, now, min(_MARKS_EVERY, kept / 24))
        old = mark_before(connection, age - kept)
        oldest, removed = 0, 0
        if old is not None:
            d, s = deliveries.c.seq, spans.c.seq
            first = select(d).where(d <= old.deliveries).order_by(d).limit(ROWS_AT_ONCE)
            removed += remove_deliveries(connection, list(connection.execute(first).scalars()))
            removed += remove_spans(
                connection, select(s).where(s <= old.spans).order_by(s).limit(ROWS_AT_ONCE)
            )
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

    def _remove_spans_beyond_their_share(self, connection: Connection, at_once: int) -> int:
        if tally(connection, SPAN_BYTES) <= self._max_bytes * SHARE_OF_SPANS:
            return 0
        return remove_spans(connection, select(spans.c.seq).order_by(spans.c.seq).limit(at_once))

    def _remove_for_room(self, connection: Connection, at_once: int) -> int:
        used = self._database.size(connection)
        if not self._database.counts_free_room:
            # What is removed makes room inside the files, which what is written fills again.
            reusable = tally(connection, REUSABLE_BYTES)
            of_all = self._database.size(connection, deliveries, details)
            used -= of_all * reusable // max(tally(connection, DELIVERY_BYTES) + reusable, 1)
        over = used - self._max_bytes
        if over <= 0:
            return 0
        d = deliveries.c
        first = select(d.seq, _BYTES).join(details, details.c.seq == d.seq).order_by(d.seq).limit(at_once)
        beyond_its_share = tally(connection, UNPROVED_BYTES) - int(self._max_bytes * SHARE_OF_UNPROVED)
        if beyond_its_share > 0:
            first, over = first.where(unproved), min(over, beyond_its_share)
        seqs: list[int] = []
        for seq, size in connection.execute(first).all():
            seqs.append(seq)
            over -= size
            if over <= 0:
                break
        return remove_deliveries(connection, seqs)


def remove_deliveries(connection: Connection, seqs: list[int]) -> int:
    """Removes deliveries with their details. Returns how many."""
    if not seqs:
        return 0
    held = select(func.sum(_BYTES)).join(deliveries, deliveries.c.seq == details.c.seq)
    held = held.where(details.c.seq.in_(seqs))
    size, of_unproved = (
        int(connection.execute(one).scalar_one() or 0) for one in (held, held.where(unproved))
    )
    add_to_tally(connection, DELIVERY_BYTES, -size)
    add_to_tally(connection, REUSABLE_BYTES, size)
    add_to_tally(connection, UNPROVED_BYTES, -of_unproved)
    for table in (details, deliveries):
        _delete(connection, table, seqs)
    add_to_tally(connection, DELIVERIES, -len(seqs))
    return len(seqs)


def remove_spans(connection: Connection, which: Select[Any]) -> int:
    """Removes the spans whose numbers a query gives. Returns how many."""
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
