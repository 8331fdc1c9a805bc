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
    KIND,
    NUMBER,
    TIME,
    WORK_FAILED,
    Condition,
    condition_of,
    containing,
    exactly,
)
from outworx_otel.server.collected.rows import WHOLE, delivery_of, id_of, ids_of, place_of, record_of, text_of
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.collected.windows import PageTime, Window, windows
from outworx_otel.server.model import Filter, Hits, SpanRecord, StoredDelivery, Summary
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

_BEFORE: Final = f"({TIME}, {NUMBER}) < ({{before:Int64}}, {{number:Int64}})"
_AFTER: Final = f"({TIME}, {NUMBER}) > ({{before:Int64}}, {{number:Int64}})"
_ID: Final = "concat(TraceId, SpanId)"
_LAST: Final = 2**63 - 1
# Deferred work begins soon after its delivery, and most of the table need not be looked through for it.
_WORK_WITHIN: Final = 7 * 86_400 * 10**9


class TableReader:
    """Answers what `store.history.HistoryReader` asks, where it can be told from the table.

    Args:
        table: whose rows are read.
    """

    def __init__(self, table: SpanTable) -> None:
        self._table = table

    def places(self, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
        """Where the deliveries of a page are, newest first; see `windows`."""
        found, during = condition_of(wanted), range_of(wanted, after)
        if wanted.search is None:
            return self._newest(found, during, limit)
        term, in_bodies = wanted.search, False
        if term.startswith(PREFIX) and len(term) > len(PREFIX):
            term, in_bodies = term.removeprefix(PREFIX), True
        else:
            exact = self._exact(found, during, limit, term)
            if exact:
                return FoundPlaces(exact)
        return self._newest(containing(found, term, in_bodies=in_bodies), during, limit)

    def summaries(self, found: Sequence[PageStart]) -> list[Summary]:
        """The deliveries of those places, in the same order."""
        return list(self.whole(found))

    def whole(self, found: Sequence[PageStart]) -> list[StoredDelivery]:
        """All of them, in the same order."""
        if not found:
            return []
        times = [place.time_ns for place in found]
        condition = Condition(
            IS_DELIVERY,
            DURING,
            f"{TIME} IN {{times:Array(Int64)}}",
            f"{NUMBER} IN {{numbers:Array(Int64)}}",
            since=min(times),
            until=_after(max(times)),
            times=times,
            numbers=[place.seq for place in found],
        )
        rows = self._table.rows(f"SELECT {TIME}, {NUMBER}, {WHOLE}", condition)
        by_place = {place_of(row): delivery_of(self._table.span(row[2:])) for row in rows}
        return [by_place[place] for place in found if place in by_place]

    def hits(self, wanted: Filter) -> Hits:
        """Counted to `MOST_COUNTED` at most, and no longer than a page may take."""
        if wanted.search is not None:
            return hits_of(self.places(wanted, FIRST, MOST_COUNTED + 1))
        found, during, left, count = condition_of(wanted), range_of(wanted, FIRST), PageTime(), 0
        for window in self._windows(during):
            condition = found.also(DURING, since=window.since, until=window.until)
            count += int(self._table.rows("SELECT count()", condition)[0][0])
            if count > MOST_COUNTED:
                break
            if left.is_over:
                return counted(count, at_least=True)
        return counted(count)

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
        newer = self._nearest(
            found, Window(max(here.time_ns, during.since), during.before.time_ns), here, newer=True
        )
        older = self._nearest(found, Window(during.since, _after(here.time_ns)), here, newer=False)
        return newer, older

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
            f"SELECT {WHOLE}", trace_id, condition, f"ORDER BY Timestamp LIMIT {MAX_SPANS_PER_TRACE}"
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
            until=_after(delivery.time_ns + _WORK_WITHIN),
            trace=delivery.trace_id,
            span=delivery.span_id,
        )
        with contextlib.suppress(QueryTooWide):
            rows = self._table.rows(
                f"SELECT {WHOLE}", condition, f"ORDER BY Timestamp LIMIT {MAX_SPANS_PER_TRACE}"
            )
            return [record_of(self._table.span(row)) for row in rows]
        return []

    def same_event(self, delivery: Summary) -> list[Summary]:
        """Deliveries of the same provider and event id, or the same key, oldest first; this one too."""
        same = []
        values: dict[str, Any] = {}
        if delivery.event_id:
            same.append(
                f"{FIELDS['event_id']} = {{event:String}} AND {FIELDS['provider']} = {{provider:String}}"
            )
            values |= {"event": delivery.event_id, "provider": delivery.provider}
        if delivery.idempotency_key:
            same.append(f"{FIELDS['idempotency_key']} = {{key:String}}")
            values["key"] = delivery.idempotency_key
        if not same:
            return []
        condition = Condition(IS_DELIVERY, " OR ".join(f"({one})" for one in same), **values)
        try:
            rows = self._table.rows(
                f"SELECT {TIME}, {NUMBER}", condition, f"ORDER BY 1, 2 LIMIT {MAX_OF_AN_EVENT}"
            )
        except QueryTooWide:
            return [delivery]
        return self.summaries([place_of(row) for row in rows])

    def unhandled(self, of: Sequence[Summary]) -> set[str]:
        """The ids of those whose event went wrong, and of which neither another delivery nor its work went well."""
        if not of:
            return set()
        ids = self._failed(of)
        failed = [one for one in of if one.id in ids]
        events = sorted({one.event_id for one in failed if one.event_id})
        handled = self._handled(events) if events else set()
        return {one.id for one in failed if (one.provider, one.event_id) not in handled}

    def newest_window(self) -> Window:
        """The newest deliveries, as many as are looked through at once."""
        during = range_of(Filter(), FIRST)
        return next(iter(self._windows(during)), Window(0, 1))

    def arrivals(self, endpoint: EndpointState, since_ns: int, every: int, limit: int) -> list[float]:
        """None: nothing is learnt of rhythms here."""
        return []

    def erasable(self, which: Erasure) -> int:
        """None can be removed."""
        return 0

    def size(self) -> int:
        """Bytes that the table takes on the disk."""
        return self._table.size()

    def _failed(self, of: Sequence[Summary]) -> set[str]:
        """The ids of those that went wrong, or whose deferred work did."""
        times = [one.time_ns for one in of]
        bad = Condition(
            IS_DELIVERY,
            DURING,
            f"{KIND} = 'bad'",
            f"{_ID} IN {{ids:Array(String)}}",
            since=min(times),
            until=_after(max(times)),
            ids=[one.id for one in of],
        )
        found = {row[0].decode() for row in self._table.rows(f"SELECT {_ID}", bad)}
        deferred = [one for one in of if one.outcome == "deferred"]
        if deferred:
            linked = Condition(
                IS_WORK,
                WORK_FAILED,
                DURING,
                "hasAny(Links.SpanId, {spans:Array(String)})",
                since=min(times),
                until=_after(max(times) + _WORK_WITHIN),
                spans=[one.span_id for one in deferred],
            )
            ids = "arrayJoin(arrayMap((trace, span) -> concat(trace, span), Links.TraceId, Links.SpanId))"
            found |= {row[0].decode() for row in self._table.rows(f"SELECT DISTINCT {ids}", linked)}
        return found

    def _handled(self, events: Sequence[str]) -> set[tuple[str, str]]:
        """Those of the events, with their providers, that went well at least once."""
        of_them = f"{FIELDS['event_id']} IN {{events:Array(String)}}"
        good = Condition(IS_EITHER, of_them, HANDLES, events=list(events))
        rows = self._table.rows(f"SELECT DISTINCT {FIELDS['provider']}, {FIELDS['event_id']}", good)
        return {(text_of(provider), text_of(event)) for provider, event in rows}

    def _exact(self, found: Condition, during: Range, limit: int, term: str) -> list[PageStart]:
        """What has this trace, id, event id or key."""
        order = f"ORDER BY 1 DESC, 2 DESC LIMIT {limit}"
        columns, within = (
            f"SELECT {TIME}, {NUMBER}",
            found.also(DURING, since=during.since, until=during.before.time_ns),
        )
        within = within.also(_BEFORE, before=during.before.time_ns, number=during.before.seq)
        ids = ids_of(term)
        trace = term if ids is None else ids[0]
        rows: Sequence[Any] = ()
        if len(trace) == 32:
            of_it = within if ids is None else within.also("SpanId = {span:String}", span=ids[1])
            rows = self._table.of_trace(columns, trace, of_it, order)
        return [place_of(row) for row in rows or self._table.rows(columns, exactly(within, term), order)]

    def _newest(self, found: Condition, during: Range, limit: int) -> FoundPlaces:
        places: list[PageStart] = []
        left = PageTime()
        oldest = max(during.since, self._table.ends()[0])
        found = found.also(_BEFORE, before=during.before.time_ns, number=during.before.seq)
        for window in self._windows(during):
            within = found.also(DURING, since=window.since, until=window.until)
            order = f"ORDER BY 1 DESC, 2 DESC LIMIT {limit - len(places)}"
            places += [place_of(row) for row in self._table.rows(f"SELECT {TIME}, {NUMBER}", within, order)]
            if len(places) >= limit:
                break
            if left.is_over and window.since > oldest:
                return FoundPlaces(places, PageStart(window.since, 0))
        return FoundPlaces(places)

    def _windows(self, during: Range) -> Any:
        oldest, newest = self._table.ends()
        return windows(
            max(during.since, oldest), min(_after(during.before.time_ns), _after(newest)), self._count
        )

    def _count(self, window: Window) -> int:
        """About: the scope is not looked at, which would be another column to read."""
        condition = Condition("SpanName LIKE 'webhook %'", DURING, since=window.since, until=window.until)
        return int(self._table.rows("SELECT count()", condition)[0][0])

    def _place_of(self, id: str) -> PageStart | None:
        ids = ids_of(id)
        if ids is None:
            return None
        condition = Condition(IS_DELIVERY, "SpanId = {span:String}", span=ids[1])
        rows = self._table.of_trace(f"SELECT {TIME}, {NUMBER}", ids[0], condition, "LIMIT 1")
        return place_of(rows[0]) if rows else None

    def _nearest(self, found: Condition, within: Window, here: PageStart, *, newer: bool) -> str | None:
        oldest, newest = self._table.ends()
        left = PageTime()
        found = found.also(_AFTER if newer else _BEFORE, before=here.time_ns, number=here.seq)
        since, until = max(within.since, oldest), min(within.until, _after(newest))
        for window in windows(since, until, self._count, newest_first=not newer):
            condition = found.also(DURING, since=window.since, until=window.until)
            order = f"ORDER BY {TIME}{'' if newer else ' DESC'}, {NUMBER}{'' if newer else ' DESC'} LIMIT 1"
            rows = self._table.rows("SELECT TraceId, SpanId", condition, order)
            if rows:
                return id_of(rows[0][0].decode(), rows[0][1].decode())
            if left.is_over:
                break
        return None


def _after(time_ns: int) -> int:
    """The first nanosecond that comes after."""
    return min(time_ns, _LAST - 1) + 1
