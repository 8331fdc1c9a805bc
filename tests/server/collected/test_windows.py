"""A page looks through windows of time: everything once, as long as a page may take, and with few statements."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.clickhouse import ENGINE
from support.exports import traces

from outworx_otel.server.collected.figures import TableFigures
from outworx_otel.server.collected.reader import TableReader
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.collected.windows import Pace, PageTime, Window, windows
from outworx_otel.server.model import Filter
from outworx_otel.server.store.columns.address import address_of
from outworx_otel.server.store.columns.engine import Engine
from outworx_otel.server.store.places import FIRST
from outworx_otel.telemetry import semconv

from .exporter import MINUTE, Exporter, delivery

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE


def counter(times: Sequence[int]) -> Callable[[Window], int]:
    return lambda window: sum(window.since <= time < window.until for time in times)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "times",
    [
        [],
        [0],
        [DAY - 1],
        list(range(0, DAY, MINUTE)),
        [*range(0, HOUR, 10**9), *range(20 * HOUR, 20 * HOUR + 10**9, 10**5)],
        [5 * HOUR] * 5_000,
    ],
    ids=["none", "the first", "the last", "even", "lumps", "all at once"],
)
def test_windows_have_everything_once_and_none_is_empty(times: list[int], newest_first: bool) -> None:
    pace, count = Pace(100, 100), counter(times)
    found = list(windows(Window(0, DAY), count, pace, newest_first=newest_first))
    assert sum(number for _, number in found) == len(times)
    assert all(number == count(window) > 0 for window, number in found)
    in_order = [window for window, _ in (reversed(found) if newest_first else found)]
    assert all(one.until <= other.since for one, other in itertools.pairwise(in_order))


def test_windows_have_no_more_than_is_looked_through_at_once() -> None:
    times = [*range(0, DAY, 10 * MINUTE), *range(3 * HOUR, 4 * HOUR, 10**9)]
    found = list(windows(Window(0, DAY), counter(times), Pace(100, 100)))
    assert max(number for _, number in found) <= 200


def test_few_deliveries_of_a_long_time_are_one_window() -> None:
    asked: list[Window] = []

    def count(window: Window) -> int:
        asked.append(window)
        return counter([3 * DAY, 300 * DAY])(window)

    found = list(windows(Window(0, 365 * DAY), count, Pace(100, 100)))
    assert [number for _, number in found] == [2]
    assert len(asked) <= 6


def test_windows_follow_how_long_others_took() -> None:
    pace = Pace(1_000, 100_000)
    for _ in range(3):
        pace.took(pace.deliveries, 0.001)
    assert pace.deliveries == 8_000
    pace.took(8_000, 60.0)
    assert pace.deliveries == 4_000
    for _ in range(20):
        pace.took(pace.deliveries, 60.0)
    assert pace.deliveries == 1_000


def test_a_page_ends_where_another_window_would_take_too_long() -> None:
    clock = iter([0.0, 0.0, 0.1, 0.2])
    left = PageTime(0.25, lambda: next(clock))
    assert not left.is_over()
    assert left.is_over()


class Counting:
    """The exporter's table, and the statements that were asked of it."""

    def __init__(self, exporter: Exporter) -> None:
        self._engine = Engine(address_of(exporter.url))
        self.asked: list[str] = []
        self.table = SpanTable(self._ask, exporter.table)
        self.asked.clear()
        self.close = self._engine.close

    def _ask(self, statement: str, values: Any, *, seconds: int = 5) -> Any:
        self.asked.append(statement)
        return self._engine.read(statement, values, seconds=seconds)


@pytest.fixture
def counting(exporter: Exporter) -> Any:
    outcomes = itertools.cycle(["accepted", "failed", "rejected"])
    exporter.write(
        traces([delivery({semconv.OUTCOME: next(outcomes)}, number * MINUTE) for number in range(1, 121)])
    )
    found = Counting(exporter)
    yield found
    found.close()


@pytest.mark.needs(ENGINE)
@pytest.mark.parametrize(
    ("wanted", "number"),
    [(Filter(), 120), (Filter(outcome="failed"), 40), (Filter(route="/webhooks/stripe"), 120)],
    ids=["any", "outcome", "route"],
)
def test_a_page_reads_attributes_in_one_statement(counting: Counting, wanted: Filter, number: int) -> None:
    reader = TableReader(counting.table)
    found = reader.places(wanted, FIRST, 21)
    page = reader.summaries(found.places[:20])
    assert len(page) == 20
    assert len([one for one in counting.asked if "SpanAttributes" in one]) == 1
    hits = reader.hits(wanted)
    assert hits.at_least or hits.count == number


@pytest.mark.needs(ENGINE)
def test_an_overview_reads_attributes_in_one_statement(counting: Counting, exporter: Exporter) -> None:
    _, newest = counting.table.ends()
    counting.asked.clear()
    found = TableFigures(counting.table).overview(newest - 2 * HOUR, newest + MINUTE, Filter())
    assert (found.total, found.tally.bad, found.events.unhandled) == (120, 80, 80)
    assert len([one for one in counting.asked if "SpanAttributes" in one]) == 1
    hour = TableFigures(counting.table).overview(newest - HOUR, newest + MINUTE, Filter())
    assert hour.total + hour.before.arrived == 120
    assert hour.before.arrived > 40
