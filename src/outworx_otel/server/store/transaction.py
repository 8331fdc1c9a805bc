"""Writes a batch in one transaction: rows, their details, other spans and the figures."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, func, select

from outworx_otel.server.fields import FACETED, IN_ROW
from outworx_otel.server.problems.clocks import KnownClock
from outworx_otel.server.problems.judging import Arrived, Kind
from outworx_otel.server.store import watch
from outworx_otel.server.store.arrival import last_number
from outworx_otel.server.store.endpoint_figures import EndpointCounts
from outworx_otel.server.store.facets import OTHER, Facets
from outworx_otel.server.store.figures import Figures
from outworx_otel.server.store.packing import Packed
from outworx_otel.server.store.recent import RecentCounts
from outworx_otel.server.store.schema import deliveries, details, spans
from outworx_otel.server.store.statements import insert_rows
from outworx_otel.server.store.tallies import (
    DELIVERIES,
    DELIVERY_BYTES,
    DELIVERY_OVERHEAD,
    REUSABLE_BYTES,
    SPAN_BYTES,
    SPAN_OVERHEAD,
    UNPROVED_BYTES,
    add_to_tally,
)

MAX_SPANS_PER_TRACE: Final = 200
MAX_COUNTED: Final = 2000
"""Services, providers, routes and outcomes that are told apart."""

_AT_ONCE: Final = 500
_ID, _TIME, _DURATION, _EVENT_TYPE, _VALID = (
    IN_ROW.index(name) for name in ("id", "time_ns", "duration_ns", "event_type", "signature_valid")
)
_TRACE, _SPAN, _EVENT_HASH = IN_ROW.index("trace_id"), IN_ROW.index("span_id"), len(IN_ROW)
_OUTCOME: Final = FACETED.index("outcome")
_endpoint: Final = operator.itemgetter(*map(FACETED.index, ("service", "provider", "route", "outcome")))
# Where no signature is checked, the application has dealt with the delivery itself; with others, nobody has.
_DEALT_WITH: Final = frozenset(
    {"accepted", "failed", "silent_drop", "deferred", "error", "replayed", "in_flight", "unprotected"}
)


class Duplicates(Exception):
    """Something was stored before; the transaction must be rolled back."""


class Transactions:
    """Writes batches, each delivery once however often it comes.

    Args:
        mark: a place for a value in a statement.
        facets: the numbers that are known.
        clocks: what is known of services' clocks, by service and environment.
    """

    def __init__(
        self, mark: str, facets: Facets, clocks: Mapping[tuple[str, str], KnownClock] = MappingProxyType({})
    ) -> None:
        self._mark = mark
        self._facets = facets
        self._recent = RecentCounts()
        # As the last durable transaction left it; replaced, never changed.
        self.clocks = self._clocks_now = clocks
        # By service, provider, route and outcome, since the start.
        self.kept: Counter[tuple[str, str, str, str]] = Counter()
        self._kept_now: Counter[tuple[str, str, str, str]] = Counter()

    def begin(self) -> None:
        """Before each transaction."""
        self._facets.begin()
        self._recent.begin()
        self._kept_now.clear()
        self._clocks_now = self.clocks

    def commit(self) -> None:
        """After each that is durable."""
        self._facets.commit()
        self._recent.commit()
        self.clocks = self._clocks_now
        for key, count in self._kept_now.items():
            if key in self.kept or len(self.kept) < MAX_COUNTED:
                self.kept[key] += count
            else:
                self.kept[OTHER, OTHER, OTHER, key[3]] += count

    def write(self, connection: Connection, batches: Sequence[Packed], *, careful: bool) -> None:
        """All of it, in the transaction that is open.

        Args:
            careful: looks first what is there; else all is taken to be new, as it nearly always is.

        Raises:
            Duplicates: not all was new.
        """
        keys = [key for batch in batches for key in batch.keys]
        counts = [count for batch in batches for count in batch.counts]
        numbers = self._facets.numbers(connection, [*keys, *(key for key, _ in counts)])
        figures, judged = Figures(), EndpointCounts()
        self._deliveries(connection, batches, keys, numbers, figures, judged, careful)
        for key, count in counts:
            if self._recent.is_new(key, count):
                figures.count(numbers[key], count.time_ns, count.value)
        figures.write(connection, self._mark)
        clocks = [
            (key, reading, batch.arrived_ns) for batch in batches for key, reading in batch.clocks.items()
        ]
        if clocks:
            self._clocks_now = watch.take_clocks(connection, self._mark, clocks)
        ends = watch.new_ends(connection, self._mark, [end for batch in batches for end in batch.ends])
        if ends:
            watch.take_ends(connection, self._mark, ends, judged)
        judged.write(connection, self._mark)
        self._spans(connection, [span for batch in batches for span in batch.spans])

    def _deliveries(
        self,
        connection: Connection,
        batches: Sequence[Packed],
        keys: Sequence[Any],
        numbers: Any,
        figures: Figures,
        counts: EndpointCounts,
        careful: bool,
    ) -> None:
        rows = [row for batch in batches for row in batch.rows]
        if not rows:
            return
        there = _there(connection, [row[_ID] for row in rows]) if careful else set()
        seq = last_number(connection, deliveries)
        size = unproved = 0
        new: list[list[Any]] = []
        kept: list[tuple[int, bytes]] = []
        arrived: list[Arrived] = []
        packed = (detail for batch in batches for detail in batch.details)
        judged = (one for batch in batches for one in batch.judged)
        for key, row, detail, verdict in zip(keys, rows, packed, judged, strict=True):
            if careful:
                if row[_ID] in there:
                    continue
                there.add(row[_ID])
            seq += 1
            facet = numbers[key]
            self._kept_now[_endpoint(key)] += 1
            new.append([seq, facet.id, *row, None])
            linked = row[_TRACE] + row[_SPAN] if verdict.kind is Kind.DEFERRED else ""
            arrived.append(Arrived(verdict, facet.id, row[_EVENT_HASH], linked))
            kept.append((seq, detail))
            proved = row[_VALID] is True
            offered = proved or (row[_VALID] is None and key[_OUTCOME] in _DEALT_WITH)
            event_type = row[_EVENT_TYPE] if offered else None
            figures.add(facet, row[_TIME], row[_DURATION], event_type, proved=proved)
            bytes_of_it = len(detail) + DELIVERY_OVERHEAD
            size += bytes_of_it
            if not proved:
                unproved += bytes_of_it
        for place, problem in watch.take(connection, self._mark, arrived, counts).items():
            new[place][-1] = problem
        if insert_rows(connection, self._mark, deliveries, new, "DO NOTHING") != len(new):
            raise Duplicates
        insert_rows(connection, self._mark, details, kept)
        add_to_tally(connection, DELIVERIES, len(new))
        add_to_tally(connection, DELIVERY_BYTES, size)
        add_to_tally(connection, REUSABLE_BYTES, -size)
        if unproved:
            add_to_tally(connection, UNPROVED_BYTES, unproved)

    def _spans(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """As many of each trace as there is room for."""
        if not rows:
            return
        held = _held(connection, sorted({row[0] for row in rows}))
        seq = last_number(connection, spans)
        kept: list[tuple[Any, ...]] = []
        for row in rows:
            # The outcome of deferred work is never left out.
            if held[row[0]] < MAX_SPANS_PER_TRACE or row[3] is not None:
                held[row[0]] += 1
                seq += 1
                kept.append((seq, *row))
        added = insert_rows(connection, self._mark, spans, kept, "DO NOTHING")
        if kept and added:
            size = sum(len(row[-1]) + SPAN_OVERHEAD for row in kept)
            add_to_tally(connection, SPAN_BYTES, size * added // len(kept))


def _there(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        found.update(connection.execute(select(deliveries.c.id).where(deliveries.c.id.in_(part))).scalars())
    return found


def _held(connection: Connection, traces: Sequence[str]) -> Counter[str]:
    held: Counter[str] = Counter()
    for start in range(0, len(traces), _AT_ONCE):
        part = traces[start : start + _AT_ONCE]
        query = select(spans.c.trace_id, func.count()).where(spans.c.trace_id.in_(part))
        for trace, count in connection.execute(query.group_by(spans.c.trace_id)).all():
            held[trace] = count
    return held
