"""Writes into the columns, and looks up there what the writer has to know, in a transaction of the state."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from outworx_otel.server.fields import FACETED, IN_ROW
from outworx_otel.server.model import SpanRecord, Summary
from outworx_otel.server.problems.judging import Arrived
from outworx_otel.server.store.columns import conditions as c
from outworx_otel.server.store.columns import room
from outworx_otel.server.store.columns.engine import Engine
from outworx_otel.server.store.columns.moved import Moved
from outworx_otel.server.store.columns.reading import ColumnReader
from outworx_otel.server.store.columns.rows import columns_of, head_of, number_of, span_columns
from outworx_otel.server.store.columns.tables import DELIVERIES, LETTERS, SPANS, Tables
from outworx_otel.server.store.history import Deferred, Erasable, Erasure, NewDelivery, OfAnEvent
from outworx_otel.server.store.packing import hashed, unpack
from outworx_otel.server.store.places import PageStart
from outworx_otel.server.store.schema import facets
from outworx_otel.server.store.store_errors import BatchRefused

EVENTS_LOOKED_BACK: Final = 8
"""Days. No provider sends an event again for longer."""

_SPANS_LOOKED_BACK: Final = 3
_HOUR_NS: Final = 3600 * 10**9
_MOST_OF_EVENTS: Final = 5000
_ID: Final = IN_ROW.index("id")


class Remembered:
    """What one transaction knows from those before: the ids that were written last, and what has been removed.

    Most of what comes again need not be looked for, and what is old only once an hour.
    """

    _MOST: Final = 50_000

    def __init__(self) -> None:
        self._ids: dict[bytes, None] = {}
        self.removed_until = (0, 0)

    def __contains__(self, id: bytes) -> bool:
        return id in self._ids

    def add(self, ids: Sequence[bytes]) -> None:
        """They are durable."""
        self._ids.update(dict.fromkeys(ids))
        while len(self._ids) > self._MOST:
            del self._ids[next(iter(self._ids))]

    def clear(self) -> None:
        """Some were removed."""
        self._ids.clear()


class ColumnWriter:
    """See `HistoryWriter`.

    Args:
        connection: with the state's transaction.
        reader: of the same tables.
        numbers: the last delivery's and the last span's before those that are written now.
        query_id: of what is inserted.
        day: on which it arrives.
        remembered: from transactions before.
    """

    def __init__(
        self,
        engine: Engine,
        tables: Tables,
        connection: Connection,
        reader: ColumnReader,
        moved: Moved,
        numbers: tuple[int, int],
        query_id: str,
        day: datetime.date,
        remembered: Remembered,
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._connection = connection
        self._reader = reader
        self._moved = moved
        self._numbers = numbers
        self._query_id = query_id
        self._day = day
        self._remembered = remembered
        self._after: list[Callable[[], None]] = []

    def last_delivery(self) -> int:
        return self._numbers[0]

    def last_span(self) -> int:
        return self._numbers[1]

    def stored(self, ids: Sequence[str], times_ns: Sequence[int]) -> set[str] | None:
        by_number = {number_of(id): id for id in ids}
        there = {number for number in by_number if number in self._remembered}
        asked = [(number_of(id), time_ns) for id, time_ns in zip(ids, times_ns, strict=True)]
        for some in _near_each_other(asked):
            first, last = some[0][1] - _HOUR_NS, some[-1][1] + _HOUR_NS
            numbers = {number for number, _ in some} - there
            if numbers:
                # What is sent again may get another time: a clock is known better by now.
                query = (
                    f"SELECT id FROM {self._tables.deliveries} WHERE time BETWEEN {c.at(first)} AND {c.at(last)}"
                    f" AND id IN {c.among(numbers)}"
                )
                there.update(row[0] for row in self._reader.query(query, indexed=False))
        return {by_number[number] for number in there}

    def insert(self, new: Sequence[NewDelivery]) -> None:
        if new:
            try:
                columns = columns_of(new, self._day)
            except (TypeError, ValueError) as error:
                # Its message quotes the value.
                raise BatchRefused(f"cannot be kept: {type(error).__name__}") from None
            self._engine.insert("outworx_deliveries", DELIVERIES, columns, f"{self._query_id}-deliveries")
            ids = [number_of(one.row[_ID]) for one in new]
            self._after.append(lambda: self._remembered.add(ids))

    def spans_of(self, traces: Sequence[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        if traces:
            query = (
                f"SELECT trace_id, span_id FROM {self._tables.spans}"
                f" WHERE {self._since(_SPANS_LOOKED_BACK)} AND trace_id IN {c.among(traces)}"
            )
            for trace, span in self._reader.query(query, indexed=False):
                found.setdefault(trace, set()).add(span)
        return found

    def insert_spans(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._engine.insert("outworx_spans", SPANS, span_columns(rows, self._day), f"{self._query_id}-spans")

    def known_events(self, hashes: Sequence[int]) -> set[int]:
        if not hashes:
            return set()
        query = (
            f"SELECT DISTINCT event_hash FROM {self._tables.deliveries}"
            f" WHERE {self._since(EVENTS_LOOKED_BACK)} AND event_hash IN {c.among(hashes)}"
        )
        return {row[0] for row in self._reader.query(query, indexed=False)}

    def of_events(self, hashes: Sequence[int]) -> Iterator[OfAnEvent]:
        if not hashes:
            return
        conditions = [self._since(EVENTS_LOOKED_BACK), f"event_hash IN {c.among(hashes)}"]
        for place, one, written in self._told(conditions, "seq", _MOST_OF_EVENTS):
            yield OfAnEvent(
                one.event_id or "",
                place.time_ns,
                one.signature_valid,
                one.id,
                one.outcome,
                *_endpoint_of(one),
                one.path,
                written,
            )

    def deferred(self, ids: Sequence[str]) -> list[Deferred]:
        if not ids:
            return []
        numbers = c.among(number_of(id) for id in ids)
        found = []
        for part in _parts(sorted({head_of(id) for id in ids})):
            conditions = [c.has_any("h", part), f"id IN {numbers}"]
            found += [
                Deferred(
                    place,
                    one.trace_id,
                    one.span_id,
                    one.id,
                    one.event_id,
                    one.signature_valid,
                    one.path,
                    problem,
                    *_endpoint_of(one),
                )
                for place, one, problem in self._told(conditions, "seq", len(ids))
            ]
        return found

    def ends(self, linked: Sequence[str]) -> Iterator[SpanRecord]:
        query = f"SELECT detail FROM {self._tables.spans} WHERE delivery IN {c.among(linked)}"
        for (detail,) in self._reader.query(query, as_bytes=("detail",)):
            yield unpack(detail, SpanRecord)

    def claim(self, problem: int, like: Arrived, number: int) -> list[Arrived]:
        if number <= 0:
            return []
        names = [facets.c[name] for name in FACETED]
        key = self._connection.execute(select(*names).where(facets.c.id == like.facet)).one()
        same = c.has_all(
            [*((LETTERS[name], value) for name, value in zip(FACETED, key, strict=True)), ("n", "0")]
        )
        conditions = [same, f"time <= {c.at(like.judged.at_ns)}"]
        # Of what was moved since some more may have one.
        found = [one for one in self._told(conditions, "time DESC, seq DESC", 10 * number) if one[2] is None]
        for place, _, _ in found[:number]:
            self._moved.move(self._connection, place, problem, 0)
        return [
            like._replace(
                judged=like.judged._replace(at_ns=place.time_ns, event_id=one.event_id, delivery=one.id),
                event_hash=hashed(one.event_id),
            )
            for place, one, _ in found[:number]
        ]

    def set_problem(self, place: PageStart, problem: int) -> None:
        query = f"SELECT problem FROM {self._tables.deliveries} WHERE {c.of_places([place])}"
        rows = self._reader.query(query)
        self._moved.move(self._connection, place, problem, rows[0][0] if rows else 0)

    def remove_arrived(self, until_delivery: int, until_span: int) -> int:
        until = until_delivery, until_span
        if self._remembered.removed_until == until:
            return 0
        removed = room.drop_arrived(self._engine, self._tables, *until)
        self._remembered.removed_until = until
        self._forget_moved(removed)
        return removed

    def make_room(self, max_bytes: int, at_once: int) -> int:
        removed = room.make_room(self._engine, self._tables, max_bytes)
        self._forget_moved(removed)
        return removed

    def _forget_moved(self, removed: int) -> None:
        if removed:
            oldest = self._reader.query(f"SELECT min(seq) FROM {self._tables.deliveries}")[0][0]
            self._moved.forget_arrived(self._connection, oldest - 1)

    def chosen(self, which: Erasure, limit: int) -> list[Erasable]:
        return [
            Erasable(
                place,
                one.id,
                one.trace_id,
                one.span_id,
                one.event_type,
                one.event_id,
                one.idempotency_key,
                one.provider,
            )
            for place, one, _ in self._told(self._reader.to_erase(which), "time, seq", limit)
        ]

    def remove(self, found: Sequence[Erasable]) -> int:
        traces = sorted({one.trace_id for one in found if one.trace_id})
        links = [one.trace_id + one.span_id for one in found if one.trace_id]
        of_these = f"delivery IN {c.among(links)}"
        if traces:
            of_these += f" OR (trace_id IN {c.among(traces)} AND delivery = '')"
        query = f"SELECT count() FROM {self._tables.spans} WHERE {of_these}"
        number = int(self._reader.query(query)[0][0])
        self._moved.forget(self._connection, [one.place.seq for one in found])
        if number:
            self._after.append(lambda: room.delete(self._engine, self._tables, self._tables.spans, of_these))
        if found:
            self._after.append(lambda: self._remove([one.place for one in found]))
        return number

    def _remove(self, places: Sequence[PageStart]) -> None:
        room.delete(self._engine, self._tables, self._tables.deliveries, c.of_places(places))
        self._remembered.clear()

    def events_left(self, event_ids: Collection[str], without: Sequence[Erasable]) -> set[str]:
        hashes = c.among(hash for hash in map(hashed, event_ids) if hash is not None)
        query = (
            f"SELECT DISTINCT event_id FROM {self._tables.deliveries} WHERE event_hash IN {hashes}"
            f" AND event_id IN {c.among(event_ids)} AND {_beside(without)}"
        )
        return {row[0] for row in self._reader.query(query)}

    def has_event_type(self, name: str, without: Sequence[Erasable]) -> bool:
        query = (
            f"SELECT 1 FROM {self._tables.deliveries} WHERE {c.has_any('t', [name])} AND {_beside(without)}"
            " LIMIT 1"
        )
        return bool(self._reader.query(query))

    def finish(self) -> None:
        for work in self._after:
            work()

    def _told(
        self, conditions: Sequence[str], order: str, limit: int
    ) -> list[tuple[PageStart, Summary, int | None]]:
        """Deliveries, each with its problem."""
        query = (
            f"SELECT {c.PLACE}, problem FROM {self._tables.deliveries} {c.where(conditions)}"
            f" ORDER BY {order} LIMIT {limit}"
        )
        rows = self._reader.query(query)
        places = [PageStart(time_ns, seq) for time_ns, seq, _ in rows]
        moved = self._moved.problems(self._connection, [place.seq for place in places])
        problems = {seq: moved.get(seq, problem) or None for _, seq, problem in rows}
        found = zip(places, self._reader.summaries(places), strict=True)
        return [(place, one, problems[place.seq]) for place, one in found]

    def _since(self, days: int) -> str:
        return f"day >= '{self._day - datetime.timedelta(days=days)}'"


def _endpoint_of(one: Summary) -> tuple[str, str, str, str]:
    return one.service, one.environment or "", one.provider, one.route or ""


def _beside(without: Sequence[Erasable]) -> str:
    return f"seq NOT IN {c.among(one.place.seq for one in without)}" if without else "1"


def _near_each_other(asked: Sequence[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    """By their times, in groups between which nothing has to be looked at."""
    group: list[tuple[bytes, int]] = []
    for one in sorted(asked, key=lambda pair: pair[1]):
        if group and one[1] - group[-1][1] > 2 * _HOUR_NS:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), 50):
        yield values[start : start + 50]
