"""Sums of the figures by ranges of slots, kept for as long as a range's rows stay what they were.

A delivery is counted in `rollups` and in `durations` by one transaction, and nothing is taken from a slot but all of
it. So what a range's `rollups` add up to, which is asked each time, says whether a row of either has changed. Nearly
all of a time is over: its rows are put together once.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, select

from outworx_otel.server.store.duration_counts import DurationCounts
from outworx_otel.server.store.endpoint_states import Slots, total_of
from outworx_otel.server.store.schema import durations, facets, rollups

MOST_KEPT: Final = 60_000
"""Rows of sums; about 150 bytes each."""

# As large as a row; and as so many rows is what is kept of a range or an endpoint, whatever is in it.
_BITS_OF_A_ROW: Final = 150 * 8
_ROWS_OF_A_RANGE: Final = 5
_ROWS_OF_AN_ENDPOINT: Final = 2


def _within(table: Table) -> list[ColumnElement[bool]]:
    c = table.c
    return [
        c.level == bindparam("level"),
        c.slot >= bindparam("since"),
        c.slot < bindparam("until"),
    ]


_r, _d = rollups.c, durations.c
_STATE: Final = select(func.count(), total_of(_r.deliveries), func.sum(_r.counted)).where(*_within(rollups))
_BY_FACET: Final = (
    select(_r.facet, total_of(_r.deliveries), func.sum(_r.counted), func.max(_r.last_ns))
    .where(*_within(rollups))
    .group_by(_r.facet)
)
_BY_BUCKET: Final = (
    select(_d.endpoint, _d.bucket, total_of(_d.deliveries))
    .where(*_within(durations))
    .group_by(_d.endpoint, _d.bucket)
)
_begins: Final = (_r.slot - _r.slot % bindparam("step")).label("begins")
_BY_OUTCOME: Final = (
    select(_begins, facets.c.outcome, total_of(_r.deliveries))
    .join_from(rollups, facets, facets.c.id == _r.facet)
    .where(*_within(rollups), _r.deliveries > 0)
    .group_by(_begins, facets.c.outcome)
)


class OfFacet(NamedTuple):
    """Deliveries of a facet, what metrics counted of it, and the last one's time."""

    facet: int
    deliveries: int
    counted: float
    last_ns: int

    def joined(self, other: OfFacet) -> OfFacet:
        """With those of another time."""
        return OfFacet(
            self.facet,
            self.deliveries + other.deliveries,
            self.counted + other.counted,
            max(self.last_ns, other.last_ns),
        )


class _Kept(NamedTuple):
    state: Any
    value: Any
    rows: int


class SlotSums:
    """What was read before, by every connection; those that were not asked for longest go."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._rows = 0
        self._lock = threading.Lock()

    def read(self, connection: Connection) -> SumReader:
        """For the questions of one page."""
        return SumReader(connection, self._get)

    def _get(self, key: Hashable, state: Any, read: Callable[[], tuple[Any, int]]) -> Any:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.state == state:
                self._kept.move_to_end(key)
                return kept.value
        value, rows = read()
        rows += _ROWS_OF_A_RANGE
        with self._lock:
            self._forget(key)
            self._kept[key] = _Kept(state, value, rows)
            self._rows += rows
            while self._rows > MOST_KEPT:
                self._forget(next(iter(self._kept)))
        return value

    def _forget(self, key: Hashable) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._rows -= kept.rows


class SumReader:
    """Asks one connection. Slots are of a level, from one to another that is not among them."""

    def __init__(
        self, connection: Connection, get: Callable[[Hashable, Any, Callable[[], tuple[Any, int]]], Any]
    ) -> None:
        self._connection = connection
        self._get = get
        self._states: dict[Slots, Any] = {}

    def by_facet(self, ranges: Iterable[Slots]) -> list[OfFacet]:
        """All ranges together."""
        found: dict[int, OfFacet] = {}
        for slots in ranges:
            for one in self._kept("facets", slots, self._facets):
                found[one.facet] = found[one.facet].joined(one) if one.facet in found else one
        return sorted(found.values())

    def outcomes(self, ranges: Iterable[Slots], step: int) -> list[tuple[int, Any, int]]:
        """Deliveries by the beginning of a step and the outcome."""

        def read(slots: Slots) -> tuple[list[Any], int]:
            found = self._ask(_BY_OUTCOME, slots, step=step)
            return [((begins, outcome), deliveries) for begins, outcome, deliveries in found], len(found)

        found: Counter[tuple[int, Any]] = Counter()
        for slots in ranges:
            for key, deliveries in self._kept(("outcomes", step), slots, read):
                found[key] += deliveries
        return [(*key, deliveries) for key, deliveries in sorted(found.items())]

    def durations(self, ranges: Iterable[Slots]) -> dict[int, DurationCounts]:
        """By endpoint, all ranges together."""
        found: dict[int, DurationCounts] = {}
        for slots in ranges:
            for endpoint, counts in self._kept("durations", slots, self._durations).items():
                found[endpoint] = found[endpoint] + counts if endpoint in found else counts
        return found

    def _kept(self, what: Hashable, slots: Slots, read: Callable[[Slots], tuple[Any, int]]) -> Any:
        if slots not in self._states:
            self._states[slots] = tuple(self._ask(_STATE, slots)[0])
        return self._get((what, slots), self._states[slots], lambda: read(slots))

    def _facets(self, slots: Slots) -> tuple[list[OfFacet], int]:
        found = [OfFacet(*row) for row in self._ask(_BY_FACET, slots)]
        return found, len(found)

    def _durations(self, slots: Slots) -> tuple[dict[int, DurationCounts], int]:
        buckets: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for endpoint, bucket, deliveries in self._ask(_BY_BUCKET, slots):
            buckets[endpoint][bucket] = deliveries
        found = {endpoint: DurationCounts.of(of_it) for endpoint, of_it in buckets.items()}
        bits = sum(counts.counts.bit_length() for counts in found.values())
        return found, len(found) * _ROWS_OF_AN_ENDPOINT + bits // _BITS_OF_A_ROW

    def _ask(self, query: Any, slots: Slots, **more: int) -> Sequence[Any]:
        level, since, until = slots
        values = {"level": level, "since": since, "until": until, **more}
        return self._connection.execute(query, values).all()
