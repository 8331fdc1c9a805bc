"""Reads pages, deliveries and what belongs to them out of the exporter's table."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

from outworx_otel.server.collected.columns import (
    DURING,
    FIELDS,
    HANDLES,
    IS_DELIVERY,
    IS_EITHER,
    IS_WORK,
    NUMBER,
    TIME,
    WORK_FAILED,
    Condition,
    among,
    condition_of,
    containing,
    exactly,
)
from outworx_otel.server.collected.rows import WHOLE, delivery_of, id_of, ids_of, place_of, record_of, text_of
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.collected.walk import BEFORE, NEWEST_FIRST, PLACE, Walk, is_plain, just_after
from outworx_otel.server.collected.windows import SECONDS, PageTime, Window
from outworx_otel.server.model import Filter, Hits, SpanRecord, StoredDelivery, Summary
from outworx_otel.server.problems.judging import Kind, judge
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.store.body_search import PREFIX
from outworx_otel.server.store.history import MAX_OF_AN_EVENT, MAX_SPANS_PER_TRACE, Erasure
from outworx_otel.server.store.places import (
    FIRST,
    MOST_COUNTED,
    FoundPlaces,
    PageStart,
    Range,
    counted,
    hits_of,
    range_of,
)
from outworx_otel.server.store.store_errors import QueryTooWide

# Of so many the deliveries are read with their places: their attributes were looked into already.
_READ_AT_ONCE: Final = 256
# For the page that is read after a search which counts further.
_SECONDS_OF_A_COUNT: Final = SECONDS / 2
# Deferred work begins soon after its delivery, and most of the table need not be looked through for it.
_WORK_WITHIN: Final = 7 * 86_400 * 10**9


class TableReader:
    """Answers what `store.history.HistoryReader` asks, where it can be told from the table; one for each page.

    Args:
        table: whose rows are read.
    """

    def __init__(self, table: SpanTable) -> None:
        self._table = table
        self._walk = Walk(table, PageTime())
        self._read: dict[PageStart, StoredDelivery] = {}
        self._page: tuple[Filter, FoundPlaces] | None = None

    def places(self, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
        """Where the deliveries of a page are, newest first; see `windows`."""
        found, during = condition_of(wanted), range_of(wanted, after)
        if wanted.search is not None:
            term, in_bodies = wanted.search, False
            if term.startswith(PREFIX) and len(term) > len(PREFIX):
                term, in_bodies = term.removeprefix(PREFIX), True
            else:
                exact = self._exact(found, during, limit, term)
                if exact:
                    return FoundPlaces(exact)
            found = containing(found, term, in_bodies=in_bodies)
        page = self._newest(found, during, limit)
        if after == FIRST and wanted.search is None:
            self._page = wanted, page
        return page

    def summaries(self, found: Sequence[PageStart]) -> list[Summary]:
        """The deliveries of those places, in the same order."""
        return list(self.whole(found))

    def whole(self, found: Sequence[PageStart]) -> list[StoredDelivery]:
        """All of them, in the same order."""
        missing = [place for place in found if place not in self._read]
        if missing:
            times = [place.time_ns for place in missing]
            condition = Condition(
                IS_DELIVERY,
                DURING,
                f"{TIME} IN {{times:Array(Int64)}}",
                f"{NUMBER} IN {{numbers:Array(Int64)}}",
                since=min(times),
                until=just_after(max(times)),
                times=times,
                numbers=[place.seq for place in missing],
            )
            self._keep(self._table.rows(f"SELECT {PLACE}, {WHOLE}", condition))
        return [self._read[place] for place in found if place in self._read]

    def hits(self, wanted: Filter) -> Hits:
        """Counted to `MOST_COUNTED` at most, and no longer than a page may take."""
        if wanted.search is not None:
            return hits_of(self.places(wanted, FIRST, MOST_COUNTED + 1))
        found, during, count = condition_of(wanted), range_of(wanted, FIRST), 0
        if self._page is not None and self._page[0] == wanted and (places := self._page[1].places):
            # From where the page ends, if there is time left; whatever there is, is counted in no time.
            if self._page[1].onward is not None or (not is_plain(found) and self._walk.is_over()):
                return counted(len(places), at_least=True)
            count, during = len(places), during._replace(before=places[-1])
        more, at_least = self._walk.count(found, during, MOST_COUNTED - count)
        return counted(count + more, at_least=at_least)

    def neighbours(self, wanted: Filter, id: str) -> tuple[str | None, str | None]:
        """Ids of the newer and the older one beside it; None also where none is near enough to be found at once."""
        here = self._place_of(id)
        if here is None:
            return None, None
        found, during = condition_of(wanted), range_of(wanted, FIRST)
        if wanted.search is not None:
            found = containing(
                found, wanted.search.removeprefix(PREFIX), in_bodies=wanted.search.startswith(PREFIX)
            )
        ways = (
            (Window(max(here.time_ns, during.since), during.before.time_ns), True),
            (Window(during.since, just_after(here.time_ns)), False),
        )
        newer, older = (self._walk.nearest(found, within, here, newer=newer) for within, newer in ways)
        return _id_of(newer), _id_of(older)

    def delivery(self, id: str) -> StoredDelivery | None:
        """All of one."""
        ids = ids_of(id)
        if ids is None:
            return None
        condition = Condition(IS_DELIVERY, "SpanId = {span:String}", span=ids[1])
        rows = self._table.of_trace(f"SELECT {WHOLE}", ids[0], condition, "LIMIT 1")
        return delivery_of(self._table.span(rows[0])) if rows else None

    def spans(self, trace_id: str) -> list[SpanRecord]:
        """The other spans of a trace, in the order in which they began."""
        condition = Condition(f"NOT ({IS_DELIVERY})")
        rows = self._table.of_trace(
            f"SELECT {WHOLE}", trace_id, condition, f"ORDER BY {TIME} LIMIT {MAX_SPANS_PER_TRACE}"
        )
        return [record_of(self._table.span(row)) for row in rows]

    def traces_with_deliveries(self, traces: Sequence[str]) -> set[str]:
        """Those of the traces that have a delivery."""
        condition = Condition(IS_DELIVERY, "TraceId IN {traces:Array(String)}", traces=list(traces))
        return {row[0].decode() for row in self._table.rows("SELECT DISTINCT TraceId", condition)}

    def deferred_of(self, delivery: Summary) -> list[SpanRecord]:
        """The `process` spans that are linked to a delivery."""
        condition = Condition(
            IS_WORK,
            DURING,
            "arrayExists((trace, span) -> trace = {trace:String} AND span = {span:String},"
            " Links.TraceId, Links.SpanId)",
            since=delivery.time_ns,
            until=just_after(delivery.time_ns + _WORK_WITHIN),
            trace=delivery.trace_id,
            span=delivery.span_id,
        )
        with contextlib.suppress(QueryTooWide):
            rows = self._table.rows(
                f"SELECT {WHOLE}", condition, f"ORDER BY {TIME} LIMIT {MAX_SPANS_PER_TRACE}"
            )
            return [record_of(self._table.span(row)) for row in rows]
        return []

    def same_event(self, delivery: Summary) -> list[Summary]:
        """Deliveries of the same provider and event id, or the same key, oldest first; this one too."""
        same = []
        values: dict[str, Any] = {}
        if delivery.event_id:
            of_provider = among("provider", "provider", [delivery.provider])
            same.append(f"{among('event_id', 'event')} AND {of_provider}")
            values |= {"event": [delivery.event_id], "provider": [delivery.provider]}
        if delivery.idempotency_key:
            same.append(among("idempotency_key", "key"))
            values["key"] = [delivery.idempotency_key]
        if not same:
            return []
        condition = Condition(IS_DELIVERY, " OR ".join(f"({one})" for one in same), **values)
        try:
            rows = self._table.rows(f"SELECT {PLACE}", condition, f"ORDER BY 1, 2 LIMIT {MAX_OF_AN_EVENT}")
        except QueryTooWide:
            return [delivery]
        return self.summaries([place_of(row) for row in rows])

    def unhandled(self, of: Sequence[Summary]) -> set[str]:
        """The ids of those whose event went wrong, and of which neither another delivery nor its work went well."""
        failed = self._failed(of)
        events = sorted({one.event_id for one in failed if one.event_id})
        handled = self._handled(events) if events else set()
        return {one.id for one in failed if (one.provider, one.event_id) not in handled}

    def newest_window(self) -> Window:
        """The newest deliveries, as many as are looked through at once."""
        return self._walk.newest_window(range_of(Filter(), FIRST)) or Window(0, 1)

    def arrivals(self, endpoint: EndpointState, since_ns: int, every: int, limit: int) -> list[float]:
        """None: nothing is learnt of rhythms here."""
        return []

    def erasable(self, which: Erasure) -> int:
        """None can be removed."""
        return 0

    def size(self) -> int:
        """Bytes that the table takes on the disk."""
        return self._table.size()

    def _failed(self, of: Sequence[Summary]) -> list[Summary]:
        """Those that went wrong, or whose deferred work did."""
        whole = (one if isinstance(one, StoredDelivery) else self.delivery(one.id) for one in of)
        bad = {one.id for one in whole if one is not None and judge(one, one.time_ns).kind is Kind.BAD}
        deferred = [one for one in of if one.outcome == "deferred"]
        if deferred:
            times = [one.time_ns for one in deferred]
            linked = Condition(
                IS_WORK,
                WORK_FAILED,
                DURING,
                "hasAny(Links.SpanId, {spans:Array(String)})",
                since=min(times),
                until=just_after(max(times) + _WORK_WITHIN),
                spans=[one.span_id for one in deferred],
            )
            ids = "arrayJoin(arrayMap((trace, span) -> concat(trace, span), Links.TraceId, Links.SpanId))"
            bad |= {row[0].decode() for row in self._table.rows(f"SELECT DISTINCT {ids}", linked)}
        return [one for one in of if one.id in bad]

    def _handled(self, events: Sequence[str]) -> set[tuple[str, str]]:
        """Those of the events, with their providers, that went well at least once."""
        good = Condition(IS_EITHER, among("event_id", "events"), HANDLES, events=list(events))
        rows = self._table.rows(f"SELECT DISTINCT {FIELDS['provider']}, {FIELDS['event_id']}", good)
        return {(text_of(provider), text_of(event)) for provider, event in rows}

    def _exact(self, found: Condition, during: Range, limit: int, term: str) -> list[PageStart]:
        """What has this trace, id, event id or key."""
        order, columns = f"{NEWEST_FIRST} LIMIT {limit}", f"SELECT {PLACE}"
        within = found.also(DURING, since=during.since, until=during.before.time_ns)
        within = within.also(BEFORE, before=during.before.time_ns, number=during.before.seq)
        ids = ids_of(term)
        trace = term if ids is None else ids[0]
        rows: Sequence[Any] = ()
        if len(trace) == 32:
            of_it = within if ids is None else within.also("SpanId = {span:String}", span=ids[1])
            rows = self._table.of_trace(columns, trace, of_it, order)
        return [place_of(row) for row in rows or self._table.rows(columns, exactly(within, term), order)]

    def _newest(self, found: Condition, during: Range, limit: int) -> FoundPlaces:
        is_whole = limit <= _READ_AT_ONCE
        walk = self._walk if is_whole else Walk(self._table, PageTime(_SECONDS_OF_A_COUNT))
        rows, onward = walk.newest(found, during, limit, f", {WHOLE}" if is_whole else "")
        if is_whole:
            self._keep(rows)
        return FoundPlaces([place_of(row) for row in rows], onward)

    def _keep(self, rows: Sequence[Sequence[Any]]) -> None:
        self._read |= {place_of(row): delivery_of(self._table.span(row[2:])) for row in rows}

    def _place_of(self, id: str) -> PageStart | None:
        ids = ids_of(id)
        if ids is None:
            return None
        condition = Condition(IS_DELIVERY, "SpanId = {span:String}", span=ids[1])
        rows = self._table.of_trace(f"SELECT {PLACE}", ids[0], condition, "LIMIT 1")
        return place_of(rows[0]) if rows else None


def _id_of(row: Sequence[Any] | None) -> str | None:
    return None if row is None else id_of(row[0].decode(), row[1].decode())
