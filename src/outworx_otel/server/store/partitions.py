"""PostgreSQL's tables of deliveries and spans in parts by day of arrival: a day goes by being dropped.

A row's number tells its part. The upper bits are the day (since 1970) on which the part was begun, the next one says
whether the delivery was never proved genuine, the others count all that came. So the number, by which every row is
found, is the key of the parts too; and what was never proved genuine has parts of its own, which can go before the
rest.

Numbers are only given in parts that are there: where a new one could not be made, or a clock went back, the last one
goes on. So there is no row without a part, and no part for what has none.
"""

from __future__ import annotations

import bisect
import datetime
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from outworx_otel.server.store.tallies import (
    DELIVERY_OVERHEAD,
    PART_IN_USE,
    SPAN_OVERHEAD,
    set_tally,
    tally,
)

DAY_NS: Final = 86_400 * 10**9
UNPROVED: Final = 1 << 35
"""Where in a day the numbers of what was never proved genuine begin."""

_DAY_OF_NUMBERS: Final = 1 << 36
BEFORE_PARTS: Final = _DAY_OF_NUMBERS
"""Higher than every number of what was there before there were parts: its part is that of the first day of all."""

_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
# Each table's parts: what their names end with, and where in a day they begin and end.
_HALVES: Final = (("", 0, UNPROVED), ("_unproved", UNPROVED, _DAY_OF_NUMBERS))
PARTED: Final = {"deliveries": _HALVES, "details": _HALVES, "spans": (("", 0, _DAY_OF_NUMBERS),)}
# What is unique is so within a part: across them the writer looks, which is alone in its transaction.
_UNIQUE: Final = {"deliveries": "id", "spans": "trace_id, span_id"}
_THERE: Final = """\
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass(%s)"""
# Who reads meanwhile waits as well; housekeeping tries again soon.
_WAITS_MS: Final = 200
_BOUNDS: Final = re.compile(r"FROM \((?:MINVALUE|'(\d+)')\) TO \('(\d+)'\)")


class TablePart(NamedTuple):
    """One of a table's parts: the table that it is, its first number, and the first that is not in it.

    What was there before there were parts is one that begins at 0.
    """

    name: str
    first: int
    end: int

    @property
    def is_of_spans(self) -> bool:
        """Whether it is one of spans."""
        return self.name.startswith("spans")

    @property
    def is_unproved(self) -> bool:
        """Whether it holds only what was never proved genuine."""
        return self.first % _DAY_OF_NUMBERS == UNPROVED


class Held(NamedTuple):
    """What a part holds: rows, their bytes, and the bytes of what was never proved genuine."""

    rows: int
    size: int
    of_unproved: int


def is_partitioned(connection: Connection) -> bool:
    """Whether the database keeps these tables in parts."""
    return connection.dialect.name == "postgresql"


def first_of(time_ns: int) -> int:
    """The first number of the day of a time. The first day of all has none: 0 says that there is no part."""
    return max(time_ns // DAY_NS, 1) * _DAY_OF_NUMBERS


def begins_ns(first: int) -> int:
    """When the day of a number began, in Unix nanoseconds."""
    return first // _DAY_OF_NUMBERS * DAY_NS


def parts_of(connection: Connection, table: str) -> list[TablePart]:
    """A table's parts, the oldest first."""
    found = []
    # Of a part that is just being dropped there are no bounds any more.
    for name, bounds in connection.exec_driver_sql(_THERE, (table,)).all():
        if (told := _BOUNDS.search(bounds or "")) is not None:
            found.append(TablePart(name, int(told[1] or 0), int(told[2])))
    return sorted(found, key=lambda part: part.first)


def firsts_of(connection: Connection) -> list[int]:
    """The first numbers of the days that there are parts of, the oldest first."""
    return [part.first for part in parts_of(connection, "deliveries") if not part.is_unproved]


def oldest_with(firsts: Sequence[int], time_ns: int) -> int:
    """The place in a list of first numbers of the oldest part in which something of a time, or later, may be.

    Nothing is kept with a time more than a day after its arrival. A part holds what came until the next one began.
    """
    return max(bisect.bisect_right(firsts, first_of(time_ns - DAY_NS)) - 1, 0)


def numbers_since(connection: Connection, time_ns: int) -> int:
    """The first number that something of a time, or later, may have."""
    firsts = firsts_of(connection)
    return firsts[oldest_with(firsts, time_ns)] if firsts else 0


def in_use(connection: Connection, now_ns: int) -> int:
    """The first number of the day that takes what comes now, in a transaction that excludes other writers."""
    first, wanted = tally(connection, PART_IN_USE), first_of(now_ns)
    if first and wanted <= first:
        return first
    there = [part.first for part in parts_of(connection, "spans") if first < part.first <= wanted]
    if not there and first:
        return first
    if not there:
        make(connection, wanted)
    found = max(there, default=wanted)
    set_tally(connection, PART_IN_USE, found)
    return found


def make(connection: Connection, first: int) -> None:
    """Makes the parts of a day that are not there, given its first number. Nobody is kept waiting.

    A table is made by itself and then attached: made as a part at once, it would lock out everyone who reads.
    """
    day = datetime.date.fromordinal(_EPOCH + first // _DAY_OF_NUMBERS).strftime("%Y%m%d")
    for table, halves in PARTED.items():
        there = {part.first for part in parts_of(connection, table)}
        for ending, begins, ends in halves:
            if first + begins in there:
                continue
            name = f"{table}_{day}{ending}"
            connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table})")
            if table in _UNIQUE:
                connection.exec_driver_sql(f"CREATE UNIQUE INDEX {name}_once ON {name} ({_UNIQUE[table]})")
            connection.exec_driver_sql(
                f"ALTER TABLE {table} ATTACH PARTITION {name}"
                f" FOR VALUES FROM ('{first + begins}') TO ('{first + ends}')"
            )


def make_ahead(connection: Connection, now_ns: int, days: int) -> None:
    """Makes the parts that are needed now and next, in a transaction that excludes other writers.

    Args:
        days: how many of them a part is for.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_WAITS_MS}")
    first = in_use(connection, now_ns)
    for wanted in (first, max(first + days * _DAY_OF_NUMBERS, first_of(now_ns))):
        make(connection, wanted)


def drop(connection: Connection, part: TablePart) -> None:
    """Drops a part of deliveries with their details, or one of spans.

    Raises:
        SQLAlchemyError: somebody reads for longer than everyone else should wait.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_WAITS_MS}")
    connection.exec_driver_sql(f"DROP TABLE {', '.join(_tables_of(part))}")


def held_in(connection: Connection, part: TablePart) -> Held:
    """What a part holds: it reads all of it."""
    name, *details = _tables_of(part)
    if not details:
        query = f"SELECT count(*), sum(length(detail) + {SPAN_OVERHEAD}), 0 FROM {name}"  # noqa: S608
    else:
        size = f"sum(length(x.detail) + {DELIVERY_OVERHEAD})"
        query = (
            f"SELECT count(*), {size}, {size} FILTER (WHERE d.signature_valid IS NOT TRUE)"  # noqa: S608
            f" FROM {details[0]} x JOIN {name} d ON d.seq = x.seq"
        )
    return Held(*(int(value or 0) for value in connection.exec_driver_sql(query).one()))


def is_empty(connection: Connection, part: TablePart) -> bool:
    """Whether a part has no row."""
    return connection.exec_driver_sql(f"SELECT 1 FROM {part.name} LIMIT 1").first() is None  # noqa: S608


def _tables_of(part: TablePart) -> list[str]:
    ending = part.name.removeprefix("deliveries")
    return [part.name] if ending == part.name else [part.name, f"details{ending}"]
