"""Reads deliveries and spans out of the columns: first the narrow page of places, then their rows."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import select

from outworx_otel.server.model import Filter, Hits, SpanRecord, StoredDelivery, Summary
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.store.body_search import PLACES_AT_ONCE, PREFIX, in_bodies
from outworx_otel.server.store.columns import conditions as c
from outworx_otel.server.store.columns.details import key_of
from outworx_otel.server.store.columns.engine import READ_SECONDS, Engine
from outworx_otel.server.store.columns.moved import Moved
from outworx_otel.server.store.columns.rows import AS_BYTES, DETAIL, detail_of, head_of, number_of, summary_of
from outworx_otel.server.store.columns.tables import LETTERS, Tables
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.facets import OTHER
from outworx_otel.server.store.history import MAX_OF_AN_EVENT, MAX_SPANS_PER_TRACE, Erasure
from outworx_otel.server.store.packing import facet_text, hashed, text, unpack
from outworx_otel.server.store.places import (
    FIRST,
    LAST,
    MOST_COUNTED,
    FoundPlaces,
    PageStart,
    Range,
    counted,
    hits_of,
    range_of,
)
from outworx_otel.server.store.rule_queries import NOT_HEARD
from outworx_otel.server.store.schema import event_types, facets

_WINDOWS: Final = (1, 8)
"""Days."""

_DAY_NS: Final = 86_400 * 10**9
_SHORTEST_BEGINNING: Final = 4
_MOST_OF_A_BEGINNING: Final = 1000
_ENOUGH: Final = 100
"""Where a search has found as many it looks no further back: what it would count there costs more than all before."""

MAX_OF_A_PROBLEM: Final = 2000
"""Deliveries of a problem that one search looks through."""

_MOST_NAMES: Final = 1000
"""Routes and event types that hold a text that is searched for."""


class ColumnReader:
    """See `HistoryReader`.

    Args:
        state: what names are known.
        moved: which problem was given to a delivery later on.
        now_ns: Unix time.
        seconds: how long a query may take.
    """

    def __init__(
        self,
        engine: Engine,
        tables: Tables,
        state: Database,
        moved: Moved,
        *,
        now_ns: int,
        seconds: int = READ_SECONDS,
    ) -> None:
        self._now_ns = now_ns
        self.query = functools.partial(engine.query, seconds=seconds)
        self._deliveries, self._spans = tables.deliveries, tables.spans
        self._tables = tables
        self._state = state
        self._moved = moved

    def places(self, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
        if wanted.search is not None:
            return self._searched(wanted, after, limit)
        return FoundPlaces(self._in_windows(self._chosen(wanted), range_of(wanted, after), limit))

    def summaries(self, found: Sequence[PageStart]) -> list[Summary]:
        details = self._details(found)
        return [summary_of(details[one.seq]) for one in found if one.seq in details]

    def whole(self, found: Sequence[PageStart]) -> list[StoredDelivery]:
        details = self._details(found)
        return [unpack(details[one.seq], StoredDelivery) for one in found if one.seq in details]

    def hits(self, wanted: Filter) -> Hits:
        if wanted.search is not None:
            return hits_of(self._searched(wanted, FIRST, MOST_COUNTED + 1))
        chosen, count = self._chosen(wanted), 0
        for found in self._windows(range_of(wanted, FIRST)):
            conditions = c.where([*chosen, *c.during(found)])
            some = f"SELECT 1 FROM {self._deliveries} {conditions} LIMIT {MOST_COUNTED + 1 - count}"
            count += self.query(f"SELECT count() FROM ({some})")[0][0]
            if count > MOST_COUNTED:
                break
        return counted(count)

    def neighbours(self, wanted: Filter, id: str) -> tuple[str | None, str | None]:
        places = self._newest(self._with_id(id), 1)
        if not places:
            return None, None
        here = places[0]
        if wanted.search is not None:
            found = self._searched(wanted, FIRST, MOST_COUNTED, enough=MOST_COUNTED).places
            if here not in found:
                return None, None
            at = found.index(here)
            beside = found[at - 1 : at] if at else [], found[at + 1 : at + 2]
        else:
            beside = (
                self._next_newer(wanted, here),
                self._in_windows(self._chosen(wanted), range_of(wanted, here), 1),
            )
        newer, older = (self.summaries(one) for one in beside)
        return newer[0].id if newer else None, older[0].id if older else None

    def delivery(self, id: str) -> StoredDelivery | None:
        found = self.whole(self._newest(self._with_id(id), 1))
        return found[0] if found else None

    def spans(self, trace_id: str) -> list[SpanRecord]:
        return self._read_spans(f"trace_id = {c.literal(text(trace_id, 64) or '')}")

    def deferred_of(self, delivery: Summary) -> list[SpanRecord]:
        linked = text(delivery.trace_id + delivery.span_id, 128)
        return self._read_spans(f"delivery = {c.literal(linked)}") if linked else []

    def traces_with_deliveries(self, traces: Sequence[str]) -> set[str]:
        wanted = [trace for trace in traces if len(trace) == 32]
        if not wanted:
            return set()
        heads = {trace[16:20] for trace in wanted}
        halves = ", ".join(c.literal(trace[16:]) for trace in wanted)
        beginning = f"substring({_ID}, 1, 16) IN ({halves})"
        places = self._newest([c.has_any("h", sorted(heads)), beginning], _MOST_OF_A_BEGINNING)
        return {one.trace_id for one in self.summaries(places)}.intersection(wanted)

    def same_event(self, delivery: Summary) -> list[Summary]:
        found: set[PageStart] = set()
        if (event_id := text(delivery.event_id)) is not None:
            provider = c.has_any("p", [facet_text(delivery.provider), OTHER])
            same = f"event_hash = {hashed(event_id)}", f"event_id = {c.literal(event_id)}", provider
            found.update(self._newest(same, MAX_OF_AN_EVENT, order=c.OLDEST_FIRST))
        if (key := text(delivery.idempotency_key)) is not None:
            found.update(self._newest([_of_key(key)], MAX_OF_AN_EVENT, order=c.OLDEST_FIRST))
        return self.summaries(sorted(found)[:MAX_OF_AN_EVENT])

    def arrivals(self, endpoint: EndpointState, since_ns: int, every: int, limit: int) -> list[float]:
        names = ("service", "environment", "provider", "route")
        conditions = [
            c.has_all([(LETTERS[name], getattr(endpoint, name)) for name in names]),
            f"outcome NOT IN {c.among(NOT_HEARD)}",
            f"time >= {c.at(since_ns)}",
            *([f"seq % {every} = 0"] if every > 1 else []),
        ]
        query = f"SELECT toUnixTimestamp64Nano(time) FROM {self._deliveries} {c.where(conditions)}"
        rows = self.query(f"{query} {c.NEWEST_FIRST} LIMIT {limit}")
        return [row[0] / 1e9 for row in reversed(rows)]

    def erasable(self, which: Erasure) -> int:
        query = f"SELECT count() FROM {self._deliveries} {c.where(self.to_erase(which))}"
        return int(self.query(query)[0][0])

    def size(self) -> int:
        return sum(self._tables.sizes().values())

    def to_erase(self, which: Erasure) -> list[str]:
        """The conditions of what somebody asks to have removed."""
        if which.id is not None:
            return self._with_id(which.id)
        if which.before is not None:
            return [f"time < {c.at(max(-LAST, min(which.before, LAST)))}"]
        event_id = text(which.event_id) or ""
        conditions = [f"event_hash = {hashed(event_id)}", f"event_id = {c.literal(event_id)}"]
        if which.provider is not None:
            conditions.append(c.has_any("p", [facet_text(which.provider), OTHER]))
        return conditions

    def _in_windows(self, chosen: Sequence[str], whole: Range, limit: int) -> list[PageStart]:
        """The newest of a time."""
        places: list[PageStart] = []
        for found in self._windows(whole):
            places += self._newest([*chosen, *c.during(found)], limit - len(places))
            if len(places) >= limit:
                break
        return places

    def _next_newer(self, wanted: Filter, here: PageStart) -> list[PageStart]:
        chosen, whole = self._chosen(wanted), range_of(wanted, FIRST)
        ends = [here.time_ns + days * _DAY_NS for days in _WINDOWS]
        for before in (*(PageStart(end, 0) for end in ends if end < whole.before.time_ns), whole.before):
            conditions = [*chosen, *c.during(whole._replace(before=before)), c.after_place(here)]
            places = self._newest(conditions, 1, order=c.OLDEST_FIRST)
            if places:
                return places
        return []

    def _windows(self, whole: Range) -> Iterator[Range]:
        """The last day of a time, the days before it, and the rest: the newest are most often in few partitions."""
        newest = min(whole.before.time_ns, self._now_ns)
        for days in _WINDOWS:
            since = newest - days * _DAY_NS
            if since <= whole.since:
                break
            yield whole._replace(since=since)
            whole = whole._replace(before=PageStart(since, 0))
        yield whole

    def _newest(
        self, conditions: Iterable[str], limit: int, *, order: str = c.NEWEST_FIRST
    ) -> list[PageStart]:
        query = f"SELECT {c.PLACE} FROM {self._deliveries} {c.where(conditions)} {order} LIMIT {limit}"
        return [PageStart(*row) for row in self.query(query)]

    def _details(self, found: Sequence[PageStart]) -> dict[int, bytes]:
        if not found:
            return {}
        query = f"SELECT {', '.join(DETAIL)} FROM {self._deliveries} WHERE {c.of_places(found)}"
        return {row[0]: detail_of(row) for row in self.query(query, as_bytes=AS_BYTES)}

    def _read_spans(self, condition: str) -> list[SpanRecord]:
        query = f"SELECT detail FROM {self._spans} WHERE {condition} LIMIT {MAX_SPANS_PER_TRACE}"
        rows = self.query(query, as_bytes=("detail",))
        return sorted((unpack(row[0], SpanRecord) for row in rows), key=lambda span: span.time_ns)

    def _with_id(self, id: str) -> list[str]:
        id = text(id, 200) or ""
        return [c.has_any("h", [head_of(id)]), f"id = {c.literal(number_of(id))}"]

    def _chosen(self, wanted: Filter) -> list[str]:
        found = c.chosen(wanted)
        if wanted.problem is not None:
            found.append(self._moved.of_problem(wanted.problem))
        return found

    def _searched(
        self, wanted: Filter, after: PageStart, limit: int, *, enough: int = _ENOUGH
    ) -> FoundPlaces:
        """What is an id is taken for nothing else; bodies are looked through for what nothing else holds."""
        term = text(wanted.search) or ""
        conditions = [*self._chosen(wanted), *c.during(range_of(wanted, after))]
        if term.startswith(PREFIX) and len(term) > len(PREFIX):
            return self._in_bodies(conditions, limit, term.removeprefix(PREFIX))
        exact, beginnings = self._by_id(conditions, limit, term)
        ids = sorted(exact | beginnings, reverse=True)
        if exact or (ids and not term.isalpha()):
            return FoundPlaces(ids[:limit])
        by_text = self._by_text(wanted, range_of(wanted, after), limit, min(enough, limit), term)
        onward = by_text.onward
        near = [one for one in ids if onward is None or one >= onward]
        found = sorted({*near, *by_text.places}, reverse=True)
        if found or onward is not None:
            return FoundPlaces(found[:limit], onward)
        return self._in_bodies(conditions, limit, term)

    def _by_id(
        self, conditions: Sequence[str], limit: int, term: str
    ) -> tuple[set[PageStart], set[PageStart]]:
        """What has this id, event id, key or trace; and what has an id that begins with it."""
        same = f"event_hash = {hashed(term)} AND event_id = {c.literal(term)}"
        exact = {
            *self._newest([*conditions, same], limit),
            *self._newest([*conditions, _of_key(term)], limit),
        }
        beginnings: set[PageStart] = set()
        if len(term) >= _SHORTEST_BEGINNING:
            beginnings.update(self._newest([*conditions, *_begins(term)], _MOST_OF_A_BEGINNING))
            # A trace is found by the half of its id that its deliveries' ids begin with.
            for half in (term[:16], term[16:]) if len(term) == 32 else ():
                places = self._newest([*conditions, *_begins(half)], _MOST_OF_A_BEGINNING)
                summaries = zip(places, self.summaries(places), strict=False)
                exact.update(place for place, one in summaries if one.trace_id == term)
        return exact, beginnings

    def _by_text(self, wanted: Filter, whole: Range, limit: int, enough: int, term: str) -> FoundPlaces:
        chosen = self._chosen(wanted)
        if wanted.problem is not None:
            return self._in_a_problem([*chosen, *c.during(whole)], limit, term)
        conditions = list(self._with_text(term))
        found: set[PageStart] = set()
        for window in self._windows(whole):
            for one in conditions:
                found.update(self._newest([*chosen, one, *c.during(window)], limit))
            if len(found) >= enough:
                break
        onward = None if window.since == whole.since else PageStart(window.since, 0)
        return FoundPlaces(sorted(found, reverse=True)[:limit], onward)

    def _in_a_problem(self, conditions: Sequence[str], limit: int, term: str) -> FoundPlaces:
        """Its deliveries are all alike, and in nearly every granule: no index tells which have a text."""
        folded = c.literal(term.lower())
        named = (f"positionCaseInsensitiveUTF8({name}, {folded}) > 0" for name in ("route", "event_type"))
        has = " OR ".join((f"position(words, {folded}) > 0", *named))
        query = f"SELECT {c.PLACE}, {has} FROM {self._deliveries} {c.where(conditions)} {c.NEWEST_FIRST}"
        rows = self.query(f"{query} LIMIT {MAX_OF_A_PROBLEM}")
        found = [PageStart(time_ns, seq) for time_ns, seq, is_there in rows if is_there]
        onward = PageStart(*rows[-1][:2]) if len(rows) == MAX_OF_A_PROBLEM else None
        return FoundPlaces(found[:limit], onward)

    def _with_text(self, term: str) -> Iterator[str]:
        """Each by itself is read off an index; of all together none is."""
        yield f"words LIKE {c.like(term.lower())}"
        for letter, column in (("r", facets.c.route), ("t", event_types.c.event_type)):
            named = select(column).where(column.icontains(term, autoescape=True))
            with self._state.read() as connection:
                names = list(connection.execute(named.group_by(column).limit(_MOST_NAMES)).scalars())
            if names:
                yield c.has_any(letter, names)

    def _in_bodies(self, conditions: Sequence[str], limit: int, term: str) -> FoundPlaces:
        places = self._newest([*conditions, c.has_any("b", ["1"])], PLACES_AT_ONCE)
        return in_bodies(places, self._details, limit, term)


_ID: Final = "if(id_text = '', lower(hex(id)), id_text)"


def _begins(term: str) -> list[str]:
    return [c.has_any("h", [term[:4]]), f"startsWith({_ID}, {c.literal(term)})"]


def _of_key(key: str) -> str:
    return f"idempotency_key = {c.literal(key_of(key))}"
