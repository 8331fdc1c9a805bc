"""Writes a batch in one transaction: rows, their details, other spans and the figures."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection

from outworx_otel.server.fields import FACETED, IN_ROW
from outworx_otel.server.problems.clocks import KnownClock
from outworx_otel.server.problems.judging import Arrived, Kind
from outworx_otel.server.store import watch
from outworx_otel.server.store.endpoint_figures import EndpointCounts
from outworx_otel.server.store.facets import OTHER, Facet, Facets
from outworx_otel.server.store.figures import Figures
from outworx_otel.server.store.history import MAX_SPANS_PER_TRACE, HistoryWriter, NewDelivery
from outworx_otel.server.store.packing import FacetKey, Packed
from outworx_otel.server.store.recent import RecentCounts

MAX_COUNTED: Final = 2000
"""Services, providers, routes and outcomes that are told apart."""

_ID, _TIME, _VALID = (IN_ROW.index(name) for name in ("id", "time_ns", "signature_valid"))
_TRACE, _SPAN, _EVENT_HASH = IN_ROW.index("trace_id"), IN_ROW.index("span_id"), len(IN_ROW)
_OUTCOME: Final = FACETED.index("outcome")
_endpoint: Final = operator.itemgetter(*map(FACETED.index, ("service", "provider", "route", "outcome")))
# Where no signature is checked, the application has dealt with the delivery itself; with others, nobody has.
_DEALT_WITH: Final = frozenset(
    {"accepted", "failed", "silent_drop", "deferred", "error", "replayed", "in_flight", "unprotected"}
)


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

    def write(self, connection: Connection, history: HistoryWriter, batches: Sequence[Packed]) -> None:
        """All of it, in the transaction that is open.

        Raises:
            Duplicates: not all was new, and the history did not look first.
        """
        keys = [key for batch in batches for key in batch.keys]
        counts = [count for batch in batches for count in batch.counts]
        numbers = self._facets.numbers(connection, [*keys, *(key for key, _ in counts)])
        figures, judged = Figures(), EndpointCounts()
        self._deliveries(connection, history, batches, numbers, figures, judged)
        for key, count in counts:
            if self._recent.is_new(key, count):
                figures.count(numbers[key], count.time_ns, count.value)
        figures.write(connection, self._mark)
        clocks = [
            (key, reading, batch.arrived_ns) for batch in batches for key, reading in batch.clocks.items()
        ]
        if clocks:
            self._clocks_now = watch.take_clocks(connection, self._mark, clocks)
        ends = watch.new_ends(history, [end for batch in batches for end in batch.ends])
        if ends:
            watch.take_ends(connection, self._mark, history, ends, judged)
        judged.write(connection, self._mark)
        _write_spans(history, [span for batch in batches for span in batch.spans])

    def _deliveries(
        self,
        connection: Connection,
        history: HistoryWriter,
        batches: Sequence[Packed],
        numbers: Mapping[FacetKey, Facet],
        figures: Figures,
        counts: EndpointCounts,
    ) -> None:
        rows = [row for batch in batches for row in batch.rows]
        if not rows:
            return
        there = history.stored([row[_ID] for row in rows], [row[_TIME] for row in rows])
        seq = history.last_delivery()
        new: list[NewDelivery] = []
        arrived: list[Arrived] = []
        for batch in batches:
            found = [numbers[key] for key in batch.keys]
            dealt_with = [key[_OUTCOME] in _DEALT_WITH for key in batch.keys]
            taken: list[int] = []
            for place, row, detail, verdict in zip(
                batch.key_of, batch.rows, batch.details, batch.judged, strict=True
            ):
                if there is not None:
                    if row[_ID] in there:
                        continue
                    there.add(row[_ID])
                seq += 1
                taken.append(place)
                facet, valid = found[place], row[_VALID]
                linked = row[_TRACE] + row[_SPAN] if verdict.kind is Kind.DEFERRED else ""
                arrived.append(Arrived(verdict, facet.id, row[_EVENT_HASH], linked))
                is_offered = valid is True or (valid is None and dealt_with[place])
                new.append(NewDelivery(seq, facet, row, detail, is_offered))
            for place, number in Counter(taken).items():
                self._kept_now[_endpoint(batch.keys[place])] += number
        figures.add(new)
        for place, problem in watch.take(connection, self._mark, history, arrived, counts).items():
            new[place] = new[place]._replace(problem=problem)
        history.insert(new)


def _write_spans(history: HistoryWriter, rows: Sequence[tuple[Any, ...]]) -> None:
    """As many of each trace as there is room for."""
    if not rows:
        return
    held = history.spans_of(sorted({row[0] for row in rows}))
    seq = history.last_span()
    kept: list[tuple[Any, ...]] = []
    for row in rows:
        of_trace = held.setdefault(row[0], set())
        # The outcome of deferred work is never left out.
        if row[1] not in of_trace and (len(of_trace) < MAX_SPANS_PER_TRACE or row[3] is not None):
            of_trace.add(row[1])
            seq += 1
            kept.append((seq, *row))
    if kept:
        history.insert_spans(kept)
