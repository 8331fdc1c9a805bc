"""Figures kept in the transaction of the rows that they count: by 5 minutes, hours and days."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from outworx_otel.server.fields import IN_ROW
from outworx_otel.server.store.facets import OTHER, Facet
from outworx_otel.server.store.history import NewDelivery
from outworx_otel.server.store.schema import LEVELS, durations, event_types, rollups
from outworx_otel.server.store.statements import insert_rows

FINE_SECONDS: Final = 3 * 86_400
"""How long the finest level is kept; of older times there are hours."""

BUCKETS_PER_DOUBLING: Final = 8
"""A percentile is right within 5 %."""

MAX_EVENT_TYPES: Final = 1000
"""A day; what comes beyond is counted as `_OTHER`."""

MAX_UNPROVED_TYPES: Final = 250
"""Of these, how many can come from deliveries that no signature proved genuine."""

_SLOT: Final = LEVELS[0]
_SLOT_NS: Final = _SLOT * 10**9
_TIME, _DURATION, _EVENT_TYPE, _VALID = (
    IN_ROW.index(name) for name in ("time_ns", "duration_ns", "event_type", "signature_valid")
)
_MAX_BUCKET: Final = 63 * BUCKETS_PER_DOUBLING
_ADD_ROLLUPS: Final = (
    "(level, slot, facet) DO UPDATE SET deliveries = rollups.deliveries + excluded.deliveries,"
    " counted = rollups.counted + excluded.counted, last_ns = CASE WHEN excluded.last_ns > rollups.last_ns"
    " THEN excluded.last_ns ELSE rollups.last_ns END"
)
_ADD_DURATIONS: Final = (
    "(level, slot, endpoint, bucket) DO UPDATE SET deliveries = durations.deliveries + excluded.deliveries"
)
_ADD_EVENT_TYPES: Final = (
    "(slot, event_type) DO UPDATE SET deliveries = event_types.deliveries + excluded.deliveries"
)
_TYPES_OF_A_DAY: Final = text("SELECT event_type FROM event_types WHERE slot = :day")


class Figures:
    """What one transaction adds."""

    def __init__(self) -> None:
        # deliveries, counted, last_ns
        self._rollups: defaultdict[tuple[int, int], list[Any]] = defaultdict(lambda: [0, 0.0, 0])
        self._durations: Counter[tuple[int, int, int]] = Counter()
        self._event_types: Counter[tuple[int, str, bool]] = Counter()

    def add(self, new: Sequence[NewDelivery]) -> None:
        """Deliveries that were not there before."""
        times = [one.row[_TIME] for one in new]
        slots = [time_ns // _SLOT_NS * _SLOT for time_ns in times]
        last: dict[tuple[int, int], int] = {}
        keys = [(slot, one.facet.id) for slot, one in zip(slots, new, strict=True)]
        for key, time_ns in zip(keys, times, strict=True):
            if time_ns > last.get(key, 0):
                last[key] = time_ns
        for key, number in Counter(keys).items():
            rollup = self._rollups[key]
            rollup[0] += number
            rollup[2] = max(rollup[2], last.get(key, 0))
        self._durations.update(
            [
                (slot, one.facet.endpoint, bucket_of(one.row[_DURATION]))
                for slot, one in zip(slots, new, strict=True)
            ]
        )
        offered = Counter(
            [
                (slot, one.row[_EVENT_TYPE], one.row[_VALID] is True)
                for slot, one in zip(slots, new, strict=True)
                if one.is_offered
            ]
        )
        for (slot, event_type, proved), number in offered.items():
            if event_type is not None:
                self._event_types[slot // 86_400 * 86_400, event_type, proved] += number

    def count(self, facet: Facet, time_ns: int, value: float) -> None:
        """Deliveries that a metric counted."""
        self._rollups[time_ns // _SLOT_NS * _SLOT, facet.id][1] += value

    def write(self, connection: Connection, mark: str) -> None:
        """Adds all of it to what is there."""
        rolled: defaultdict[tuple[int, int, int], list[Any]] = defaultdict(lambda: [0, 0.0, 0])
        for (slot, facet), (deliveries, counted, last_ns) in self._rollups.items():
            for level in LEVELS:
                total = rolled[level, slot // level * level, facet]
                total[0] += deliveries
                total[1] += counted
                total[2] = max(total[2], last_ns)
        timed: Counter[tuple[int, int, int, int]] = Counter()
        for (slot, endpoint, bucket), deliveries in self._durations.items():
            for level in LEVELS:
                timed[level, slot // level * level, endpoint, bucket] += deliveries
        insert_rows(
            connection, mark, rollups, [(*key, *total) for key, total in rolled.items()], _ADD_ROLLUPS
        )
        insert_rows(connection, mark, durations, [(*key, n) for key, n in timed.items()], _ADD_DURATIONS)
        types = self._bounded_types(connection)
        insert_rows(connection, mark, event_types, [(*key, n) for key, n in types.items()], _ADD_EVENT_TYPES)

    def _bounded_types(self, connection: Connection) -> Counter[tuple[int, str]]:
        """The event types of each day, those that are too many under one name."""
        kept: Counter[tuple[int, str]] = Counter()
        for day in {day for day, _, _ in self._event_types}:
            known = set(connection.execute(_TYPES_OF_A_DAY, {"day": day}).scalars())
            for (slot, name, proved), deliveries in self._event_types.items():
                if slot == day:
                    most = MAX_EVENT_TYPES if proved else MAX_UNPROVED_TYPES
                    if name not in known and len(known) >= most:
                        name = OTHER
                    known.add(name)
                    kept[day, name] += deliveries
        return kept


def bucket_of(duration_ns: int) -> int:
    """The bucket that counts a duration."""
    if duration_ns <= 1:
        return 0
    return min(int(math.log2(duration_ns) * BUCKETS_PER_DOUBLING), _MAX_BUCKET)


def duration_of(bucket: int) -> int:
    """The middle of a bucket, in nanoseconds."""
    return round(math.pow(2.0, (bucket + 0.5) / BUCKETS_PER_DOUBLING))
