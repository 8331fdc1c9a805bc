"""Goes through the table for one page, window by window, for as long as a page may take."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from outworx_otel.server.collected.columns import DURING, IS_DELIVERY, NUMBER, TIME, Condition
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.collected.windows import PageTime, Window, windows
from outworx_otel.server.store.places import PageStart, Range

PLACE: Final = f"{TIME}, {NUMBER}"
BEFORE: Final = f"({PLACE}) < ({{before:Int64}}, {{number:Int64}})"
_AFTER: Final = f"({PLACE}) > ({{before:Int64}}, {{number:Int64}})"
# Not by the column itself: ClickHouse 26.5 fails over `ORDER BY Timestamp DESC, ... LIMIT` with conditions on maps.
NEWEST_FIRST: Final = f"ORDER BY {TIME} DESC, {NUMBER} DESC"
_OLDEST_FIRST: Final = f"ORDER BY {TIME}, {NUMBER}"
_LAST: Final = 2**63 - 1


class Walk:
    """What is read of the table for one page.

    Args:
        table: whose rows are read.
        left: for how long.
    """

    def __init__(self, table: SpanTable, left: PageTime) -> None:
        self._table = table
        self._left = left

    def newest(
        self, found: Condition, during: Range, limit: int, columns: str
    ) -> tuple[list[Sequence[Any]], PageStart | None]:
        """The newest rows that fit, and where it goes on if there was no time for all.

        Args:
            columns: what of them, beside their places, which come first.
        """
        rows: list[Sequence[Any]] = []
        beside = found.also(BEFORE, before=during.before.time_ns, number=during.before.seq)
        looks = self._looks(
            beside, _time_of(during), f"SELECT {PLACE}{columns}", f"{NEWEST_FIRST} LIMIT {limit}"
        )
        for window, some in looks:
            rows += some
            if len(rows) >= limit:
                break
            if self._left.is_over() and self._goes_on(window, during):
                return rows, PageStart(window.since, 0)
        return rows[:limit], None

    def count(self, found: Condition, during: Range, most: int) -> tuple[int, bool]:
        """How many fit, no further than beyond `most`, and whether there may be more."""
        count = 0
        beside = found.also(BEFORE, before=during.before.time_ns, number=during.before.seq)
        for window, [(some,)] in self._looks(beside, _time_of(during), "SELECT count()"):
            count += int(some)
            if count > most or self._left.is_over():
                return count, self._goes_on(window, during)
        return count, False

    def nearest(
        self, found: Condition, within: Window, here: PageStart, *, newer: bool
    ) -> Sequence[Any] | None:
        """The trace and the span of the one that comes next; None also where it is not near enough."""
        beside = found.also(_AFTER if newer else BEFORE, before=here.time_ns, number=here.seq)
        more = f"{_OLDEST_FIRST if newer else NEWEST_FIRST} LIMIT 1"
        for _, rows in self._looks(beside, within, "SELECT TraceId, SpanId", more, newest_first=not newer):
            if rows:
                return rows[0]
            if self._left.is_over():
                break
        return None

    def newest_window(self, during: Range) -> Window | None:
        """The newest deliveries, as many as are looked through at once."""
        found = windows(self._there(_time_of(during)), self._count, self._table.pace)
        return next((window for window, _ in found), None)

    def is_over(self) -> bool:
        """Whether there is no time for another window."""
        return self._left.is_over()

    def _looks(
        self, found: Condition, within: Window, select: str, more: str = "", *, newest_first: bool = True
    ) -> Iterator[tuple[Window, Sequence[Sequence[Any]]]]:
        """What is selected of each window."""
        pace = self._table.plain_pace if is_plain(found) else self._table.pace
        for window, number in windows(self._there(within), self._count, pace, newest_first=newest_first):
            condition = found.also(DURING, since=window.since, until=window.until)
            began = time.monotonic()
            rows = self._table.rows(select, condition, more)
            pace.took(number, time.monotonic() - began)
            yield window, rows

    def _there(self, within: Window) -> Window:
        """What of a time the table has."""
        oldest, newest = self._ends
        return Window(max(within.since, oldest), min(within.until, just_after(newest)))

    def _goes_on(self, window: Window, during: Range) -> bool:
        return window.since > max(during.since, self._ends[0])

    @functools.cached_property
    def _ends(self) -> tuple[int, int]:
        return self._table.ends()

    def _count(self, window: Window) -> int:
        """About: the scope is not looked at, which would be another column to read."""
        condition = Condition("SpanName LIKE 'webhook %'", DURING, since=window.since, until=window.until)
        return int(self._table.rows("SELECT count()", condition)[0][0])


def is_plain(found: Condition) -> bool:
    """Whether every delivery fits, up to its place: nothing is looked for in attributes."""
    return all(part in (IS_DELIVERY, BEFORE, _AFTER) for part in found.parts)


def _time_of(during: Range) -> Window:
    return Window(during.since, just_after(during.before.time_ns))


def just_after(time_ns: int) -> int:
    """The first nanosecond that comes after."""
    return min(time_ns, _LAST - 1) + 1
