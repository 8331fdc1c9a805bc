"""Writes many copies of a file's deliveries into an empty store: ten million one by one would take hours.

Each copy is a delivery of its own, a moment later: other ids, another event, another key. What is packed with it
still says the first one's. Figures, problems and sizes are multiplied.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg
from sqlalchemy import Boolean, Table, create_engine

from outworx_otel.server.problems.judging import EndpointKey, event_number
from outworx_otel.server.store import Store, partitions, schema
from outworx_otel.server.store.packing import hashed
from outworx_otel.server.store.tallies import DELIVERIES, DELIVERY_BYTES, UNPROVED_BYTES

Rows = Iterable[Sequence[Any]]
_AT_ONCE: Final = 50_000
_AT: Final = {column.name: place for place, column in enumerate(schema.deliveries.columns)}
# What is counted in each table, and so is multiplied.
_COUNTED: Final = {
    "rollups": ("deliveries", "counted"),
    "durations": ("deliveries",),
    "event_types": ("deliveries",),
    "endpoint_figures": ("arrived", "good", "bad", "unprotected", "unverified"),
    "problems": ("deliveries", "events"),
    "facets": (),
    "endpoints": (),
    "clocks": (),
}
_SUMMED: Final = (DELIVERIES, DELIVERY_BYTES, UNPROVED_BYTES)


class Target(Protocol):
    """An empty store that is being filled."""

    def write(self, table: Table, rows: Rows) -> None:
        """Adds rows in the order of the table's columns."""

    def number(self, arrived_ns: int, *, proved: bool) -> int:
        """The number of the next that arrived."""

    def close(self) -> None:
        """Makes what was left out for speed."""


def spread(base: Path, url: str, times: int) -> None:
    """Fills the store of a URL with `times` as many deliveries as a file of SQLite holds."""
    Store(url, max_queued_bytes=1).close()
    with contextlib.closing(sqlite3.connect(base)) as source, contextlib.closing(_target(url)) as target:
        spread_state(source, target, times)
        copies = _copies(source, times, target)
        while some := list(itertools.islice(copies, _AT_ONCE)):
            target.write(schema.deliveries, (row for row, _ in some))
            target.write(schema.details, ((row[0], detail) for row, detail in some))


def spread_state(source: sqlite3.Connection, target: Target, times: int) -> None:
    """Writes what is kept beside deliveries."""
    for name, counted in _COUNTED.items():
        table = schema.metadata.tables[name]
        target.write(table, _multiplied(source, table, counted, times))
    target.write(schema.tallies, _tallies(source, times))
    target.write(schema.events, _events(source, times))


def _target(url: str) -> Target:
    return SqliteTarget(url) if url.startswith("sqlite") else PostgresqlTarget(url)


class SqliteTarget:
    """Its indices are made at the end, which is faster by far."""

    def __init__(self, url: str) -> None:
        self._file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        # What is lost by a crash meanwhile is made anew. WAL, which the file is in, stays.
        for pragma in ("synchronous=OFF", "cache_size=-500000", "temp_store=MEMORY"):
            self._file.execute(f"PRAGMA {pragma}")
        known = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'deliveries' AND sql <> ''"
        self._indices = dict(self._file.execute(known).fetchall())
        for name in self._indices:
            self._file.execute(f"DROP INDEX {name}")
        self._last = 0

    def write(self, table: Table, rows: Rows) -> None:
        """See `Target.write`."""
        marks = ", ".join("?" * len(table.columns))
        names = ", ".join(column.name for column in table.columns)
        self._file.execute("BEGIN")
        self._file.executemany(f"INSERT OR REPLACE INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608
        self._file.execute("COMMIT")

    def number(self, arrived_ns: int, *, proved: bool) -> int:
        """See `Target.number`."""
        self._last += 1
        return self._last

    def close(self) -> None:
        """See `Target.close`."""
        for statement in self._indices.values():
            self._file.execute(statement)
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.close()


class PostgresqlTarget:
    """By COPY, and most indices at the end."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        self._connection.execute("SET synchronous_commit = off")
        self._engine = create_engine(url)
        self._indices = [index for index in schema.deliveries.indexes if not index.unique]
        for index in self._indices:
            index.drop(self._engine)
        # The last number of each day.
        self._last: dict[int, int] = {}

    def write(self, table: Table, rows: Rows) -> None:
        """See `Target.write`."""
        flags = [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
        names = ", ".join(column.name for column in table.columns)
        with self._connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy:
            for row in rows:
                told = list(row)
                for place in flags:
                    told[place] = None if told[place] is None else bool(told[place])
                copy.write_row(told)

    def number(self, arrived_ns: int, *, proved: bool) -> int:
        """See `Target.number`."""
        first = partitions.first_of(arrived_ns)
        if first not in self._last:
            self._last[first] = first
            with self._engine.begin() as connection:
                if first not in partitions.firsts_of(connection):
                    partitions.make(connection, first)
        self._last[first] += 1
        return self._last[first] + (0 if proved else partitions.UNPROVED)

    def close(self) -> None:
        """See `Target.close`: as autovacuum does it within the hour."""
        for index in self._indices:
            index.create(self._engine)
        with self._engine.begin() as connection:
            partitions.in_use(connection, time.time_ns())
        self._engine.dispose()
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.close()


def _copies(source: sqlite3.Connection, times: int, target: Target) -> Iterator[tuple[list[Any], bytes]]:
    """Each delivery and its detail, `times` times, in the order of arrival."""
    names = ", ".join(f"d.{name}" for name in _AT)
    query = f"SELECT {names}, x.detail FROM deliveries d JOIN details x ON x.seq = d.seq ORDER BY d.seq"  # noqa: S608
    count, since, until = source.execute(
        "SELECT count(*), min(time_ns), max(time_ns) FROM deliveries"
    ).fetchone()
    gap = (until - since) // count // times
    seq, valid, arrived = _AT["seq"], _AT["signature_valid"], _AT["arrived_ns"]
    for *row, detail in source.execute(query):
        for copy in range(times):
            made = _copied(row, copy, gap * copy)
            made[seq] = target.number(made[arrived], proved=made[valid] == 1)
            yield made, detail


def _copied(row: Sequence[Any], copy: int, later_ns: int) -> list[Any]:
    made = list(row)
    if not copy:
        return made
    ids = secrets.token_hex(24)
    made[_AT["trace_id"]], made[_AT["span_id"]], made[_AT["id"]] = ids[:32], ids[32:], ids[16:]
    made[_AT["time_ns"]] += later_ns
    made[_AT["arrived_ns"]] += later_ns
    event = copied_event_id(made[_AT["event_id"]], copy)
    if event is not None:
        made[_AT["event_id"]], made[_AT["event_hash"]] = event, hashed(event)
        if made[_AT["idempotency_key"]] is not None:
            key = hashlib.sha256(event.encode()).hexdigest()
            made[_AT["idempotency_key"]], made[_AT["key_hash"]] = key, hashed(key)
    return made


def copied_event_id(of: str | None, copy: int) -> str | None:
    """The event of a copy; of the first one its own."""
    return of if of is None or not copy else f"{of[:-3]}x{copy:02}"


def _multiplied(source: sqlite3.Connection, table: Table, counted: Sequence[str], times: int) -> Rows:
    columns = ", ".join(f"{c.name} * {times}" if c.name in counted else c.name for c in table.columns)
    return source.execute(f"SELECT {columns} FROM {table.name}")  # noqa: S608


def _tallies(source: sqlite3.Connection, times: int) -> Iterator[tuple[str, int]]:
    for name, value in source.execute("SELECT name, value FROM tallies").fetchall():
        if name in _SUMMED or name == "problem_number":
            yield name, value * (times if name in _SUMMED else 1)


def _events(source: sqlite3.Connection, times: int) -> Iterator[list[Any]]:
    names = [column.name for column in schema.events.columns]
    columns = ", ".join(f"v.{name}" for name in names)
    of_whom = "p.service, p.environment, p.provider"
    query = f"SELECT {columns}, {of_whom} FROM events v JOIN endpoints p ON p.id = v.endpoint"  # noqa: S608
    number, event_id = names.index("hash"), names.index("event_id")
    for *row, service, environment, provider in source.execute(query):
        of = EndpointKey(service, environment, provider, "")
        for copy in range(times):
            made = list(row)
            if copy:
                made[event_id] = copied_event_id(row[event_id], copy)
                made[number] = event_number(of, made[event_id], "")
            yield made
