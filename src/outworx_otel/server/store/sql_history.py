"""The history in tables beside the state's: a writer's rows and what is counted of them are one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select, update

from outworx_otel.server.model import Filter, Hits, SpanRecord, StoredDelivery, Summary
from outworx_otel.server.problems.judging import Arrived
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.store import delivery_pages, joined, neighbours, removal, rule_queries
from outworx_otel.server.store.arrival import last_number
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.history import (
    Deferred,
    Duplicates,
    Erasable,
    Erasure,
    NewDelivery,
    OfAnEvent,
)
from outworx_otel.server.store.packing import hashed, unpack
from outworx_otel.server.store.places import FoundPlaces, PageStart
from outworx_otel.server.store.schema import deliveries, details, spans
from outworx_otel.server.store.statements import insert_rows, select_among

_AT_ONCE: Final = 500
_OF_AN_EVENT: Final = (
    "SELECT d.event_id, d.time_ns, d.signature_valid, d.id, f.outcome, f.service, f.environment, f.provider,"
    " f.route, d.path, d.problem"
    " FROM deliveries d JOIN facets f ON f.id = d.facet WHERE {lately}d.event_hash IN ({{}})"
    " ORDER BY d.seq LIMIT 5000"
)
_DEFERRED: Final = (
    "SELECT d.time_ns, d.seq, d.trace_id, d.span_id, d.id, d.event_id, d.signature_valid, d.path, d.problem,"
    " f.service, f.environment, f.provider, f.route"
    " FROM deliveries d JOIN facets f ON f.id = d.facet WHERE d.id IN ({})"
)


class SqlHistory:
    """Of a database that has the state as well."""

    compresses = False

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.contextmanager
    def read(self) -> Iterator[SqlReader]:
        """See `History.read`."""
        with self._database.read() as connection:
            yield SqlReader(self._database, connection)

    def prepare(self, deliveries: int, spans: int) -> None:
        """See `History.prepare`: nothing has to be."""

    def writer(self, connection: Connection, *, careful: bool = False) -> SqlWriter:
        """See `History.writer`."""
        return SqlWriter(self._database, connection, careful=careful)

    def check(self) -> None:
        """See `History.check`: who asks has asked the state."""

    def overwrite(self) -> str | None:
        """See `History.overwrite`."""
        return self._database.overwrite()

    def close(self) -> None:
        """See `History.close`: the state's are its connections too."""


class SqlReader:
    """See `HistoryReader`."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def places(self, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
        return delivery_pages.places(self._connection, wanted, after, limit)

    def summaries(self, found: Sequence[PageStart]) -> list[Summary]:
        return delivery_pages.summaries(self._connection, found)

    def whole(self, found: Sequence[PageStart]) -> list[StoredDelivery]:
        return delivery_pages.whole(self._connection, found)

    def hits(self, wanted: Filter) -> Hits:
        return neighbours.hits(self._connection, wanted)

    def neighbours(self, wanted: Filter, id: str) -> tuple[str | None, str | None]:
        return neighbours.neighbours(self._connection, wanted, id)

    def delivery(self, id: str) -> StoredDelivery | None:
        return joined.delivery_by_id(self._connection, id)

    def spans(self, trace_id: str) -> list[SpanRecord]:
        return joined.spans_of_trace(self._connection, trace_id)

    def traces_with_deliveries(self, traces: Sequence[str]) -> set[str]:
        return joined.traces_with_deliveries(self._connection, traces)

    def deferred_of(self, delivery: Summary) -> list[SpanRecord]:
        return joined.deferred_of(self._connection, delivery)

    def same_event(self, delivery: Summary) -> list[Summary]:
        return joined.same_event(self._connection, delivery)

    def arrivals(self, endpoint: EndpointState, since_ns: int, every: int, limit: int) -> list[float]:
        return rule_queries.arrivals(self._connection, endpoint, since_ns, every, limit)

    def erasable(self, which: Erasure) -> int:
        return removal.number_of(self._connection, which)

    def size(self) -> int:
        return self._database.size(self._connection)


class SqlWriter:
    """See `HistoryWriter`."""

    def __init__(self, database: Database, connection: Connection, *, careful: bool) -> None:
        self._database = database
        self._connection = connection
        self._mark = database.mark
        self._careful = careful
        # Of what came before, which is looked at: a condition on `d`, or nothing for all of it.
        self._lately = ""

    def last_delivery(self) -> int:
        return last_number(self._connection, deliveries)

    def last_span(self) -> int:
        return last_number(self._connection, spans)

    def stored(self, ids: Sequence[str], times_ns: Sequence[int]) -> set[str] | None:
        if not self._careful:
            return None
        found: set[str] = set()
        for start in range(0, len(ids), _AT_ONCE):
            query = select(deliveries.c.id).where(deliveries.c.id.in_(ids[start : start + _AT_ONCE]))
            found.update(self._connection.execute(query).scalars())
        return found

    def insert(self, new: Sequence[NewDelivery]) -> None:
        rows = [(one.seq, one.facet.id, *one.row, one.problem) for one in new]
        if insert_rows(self._connection, self._mark, deliveries, rows, "DO NOTHING") != len(rows):
            raise Duplicates
        insert_rows(self._connection, self._mark, details, [(one.seq, one.detail) for one in new])
        removal.count_deliveries(self._connection, new)

    def spans_of(self, traces: Sequence[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        query = f"SELECT trace_id, span_id FROM spans d WHERE {self._lately}trace_id IN ({{}})"  # noqa: S608
        for trace, span in select_among(self._connection, self._mark, query, traces):
            found.setdefault(trace, set()).add(span)
        return found

    def insert_spans(self, rows: Sequence[tuple[Any, ...]]) -> None:
        insert_rows(self._connection, self._mark, spans, rows)
        removal.count_spans(self._connection, rows)

    def known_events(self, hashes: Sequence[int]) -> set[int]:
        query = f"SELECT DISTINCT event_hash FROM deliveries d WHERE {self._lately}event_hash IN ({{}})"  # noqa: S608
        return {row[0] for row in select_among(self._connection, self._mark, query, hashes)}

    def of_events(self, hashes: Sequence[int]) -> Iterator[OfAnEvent]:
        for row in select_among(
            self._connection, self._mark, _OF_AN_EVENT.format(lately=self._lately), hashes
        ):
            one = OfAnEvent(*row)
            yield one._replace(signature_valid=_flag(one.signature_valid))

    def deferred(self, ids: Sequence[str]) -> list[Deferred]:
        return [
            Deferred(PageStart(time_ns, seq), trace, span, id, event_id, _flag(valid), *more)
            for time_ns, seq, trace, span, id, event_id, valid, *more in select_among(
                self._connection, self._mark, _DEFERRED, ids
            )
        ]

    def ends(self, linked: Sequence[str]) -> Iterator[SpanRecord]:
        query = "SELECT detail FROM spans WHERE delivery IN ({})"
        for (detail,) in select_among(self._connection, self._mark, query, linked):
            yield unpack(detail, SpanRecord)

    def claim(self, problem: int, like: Arrived, number: int) -> list[Arrived]:
        if number <= 0:
            return []
        d = deliveries.c
        before = (
            select(d.seq, d.time_ns, d.id, d.event_id, d.event_hash)
            .where(d.facet == like.facet, d.problem.is_(None), d.time_ns <= like.judged.at_ns)
            .order_by(d.time_ns.desc(), d.seq.desc())
            .limit(number)
        )
        rows = self._connection.execute(before).all()
        seqs = [row.seq for row in rows]
        self._connection.execute(update(deliveries).where(d.seq.in_(seqs)).values(problem=problem))
        return [
            like._replace(
                judged=like.judged._replace(at_ns=row.time_ns, event_id=row.event_id, delivery=row.id),
                event_hash=row.event_hash,
            )
            for row in rows
        ]

    def set_problem(self, place: PageStart, problem: int) -> None:
        of_it = update(deliveries).where(deliveries.c.seq == place.seq)
        self._connection.execute(of_it.values(problem=problem))

    def remove_arrived(self, until_delivery: int, until_span: int) -> int:
        return removal.remove_arrived(self._connection, until_delivery, until_span)

    def make_room(self, max_bytes: int, at_once: int) -> int:
        return removal.make_room(self._connection, self._database, max_bytes, at_once)

    def chosen(self, which: Erasure, limit: int) -> list[Erasable]:
        return removal.chosen(self._connection, which, limit)

    def remove(self, found: Sequence[Erasable]) -> int:
        removed = removal.remove_spans_of(self._connection, found)
        removal.remove_deliveries(self._connection, [one.place.seq for one in found])
        return removed

    def events_left(self, event_ids: Collection[str], without: Sequence[Erasable]) -> set[str]:
        d = deliveries.c
        hashes = [hashed(event_id) for event_id in event_ids]
        there = select(d.event_id).where(d.event_hash.in_(hashes), d.event_id.in_(event_ids))
        there = there.where(d.seq.not_in([one.place.seq for one in without]))
        return set(self._connection.execute(there).scalars())

    def has_event_type(self, name: str, without: Sequence[Erasable]) -> bool:
        d = deliveries.c
        other = select(d.seq).where(d.event_type == name, d.seq.not_in([one.place.seq for one in without]))
        return self._connection.execute(other.limit(1)).first() is not None

    def finish(self) -> None:
        pass


def _flag(value: Any) -> bool | None:
    """SQLite's text queries give 0 and 1."""
    return None if value is None else bool(value)
