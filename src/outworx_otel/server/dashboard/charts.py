"""Lays out deliveries over time as stacked bars, in per cent of the drawing."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from outworx_otel.server.model import Overview, Tally
from outworx_otel.telemetry.outcomes import OUTCOMES, Outcome

MAX_BARS: Final = 60
_GAP: Final = 0.22
_LEAST: Final = 0.8


class Piece(NamedTuple):
    """One outcome of one bar."""

    outcome: Outcome
    deliveries: int
    y: float
    height: float


class Column(NamedTuple):
    """The deliveries of one slot of time; `since` and `until` are Unix nanoseconds.

    `partial` where a part of that time is not over yet, or not asked for. `shares` are of the deliveries that count
    in a rate, `good` and `bad` ones; none where nothing counts.
    """

    since: int
    until: int
    total: int
    outcomes: dict[Outcome, int]
    x: float
    width: float
    pieces: list[Piece]
    partial: bool
    good: int
    bad: int
    shares: list[Piece]

    @property
    def rate(self) -> float | None:
        """The part that is good, 0 to 1."""
        return Tally(good=self.good, bad=self.bad).rate


class Chart(NamedTuple):
    """All of it. `ticks` are (count, y in per cent), the highest first; `step_ns` is the time of each bar."""

    columns: list[Column]
    outcomes: list[Outcome]
    ticks: list[tuple[int, float]]
    top: int
    step_ns: int


def chart_of(overview: Overview, since: int, until: int) -> Chart:
    """Merges slots until at most `MAX_BARS` are left; slots in which nothing came are there as well.

    Args:
        overview: what came.
        since: where the chart begins, Unix nanoseconds, if the store has nothing that is older.
        until: where it ends, if the store has nothing newer.
    """
    step = max(overview.step_ns, 1)
    first = min(since, overview.since) // step * step
    count = max(-(-(max(until, overview.until) - first) // step), 1)
    merge = -(-count // MAX_BARS)
    bars = -(-count // merge)
    sums: list[dict[Outcome, int]] = [{} for _ in range(bars)]
    judged = [(0, 0)] * bars
    for slot in overview.slots:
        position = (slot.time_ns - first) // step // merge
        if 0 <= position < bars:
            into = sums[position]
            for outcome, number in slot.outcomes.items():
                into[outcome] = into.get(outcome, 0) + number
            good, bad = judged[position]
            judged[position] = good + slot.good, bad + slot.bad
    top = _round_up(max(sum(one.values()) for one in sums))
    width = 100 / bars
    whole = range(overview.since, until + 1)
    columns = [
        _column(one, at, first + place * step * merge, step * merge, place * width, width, top, whole)
        for place, (one, at) in enumerate(zip(sums, judged, strict=True))
    ]
    seen = [outcome for outcome in OUTCOMES if overview.outcomes.get(outcome)]
    return Chart(
        columns, seen, [(top, 0.0), (top // 2, 50.0)] if top > 1 else [(top, 0.0)], top, step * merge
    )


def _column(
    outcomes: dict[Outcome, int],
    judged: tuple[int, int],
    since: int,
    step: int,
    x: float,
    width: float,
    top: int,
    whole: range,
) -> Column:
    pieces, y = [], 100.0
    for outcome in OUTCOMES:
        if count := outcomes.get(outcome, 0):
            # One failure among thousands must still be seen.
            height = max(count / top * 100, _LEAST)
            y = max(y - height, 0.0)
            pieces.append(Piece(outcome, count, round(y, 2), round(height, 2)))
    gap = width * _GAP
    return Column(
        since,
        since + step,
        sum(outcomes.values()),
        {outcome: outcomes[outcome] for outcome in OUTCOMES if outcomes.get(outcome)},
        round(x + gap / 2, 3),
        round(width - gap, 3),
        pieces,
        since not in whole or since + step not in whole,
        *judged,
        _shares(*judged),
    )


def _shares(good: int, bad: int) -> list[Piece]:
    """What is good from the bottom, the rest above it."""
    if not good + bad:
        return []
    # One failure among thousands must still be seen, and one that went well among failures.
    most = 100 - _LEAST if bad else 100
    height = min(max(good / (good + bad) * 100, _LEAST), most) if good else 0.0
    pieces: list[Piece] = []
    if good:
        pieces.append(Piece("accepted", good, round(100 - height, 2), round(height, 2)))
    if bad:
        pieces.append(Piece("failed", bad, 0.0, round(100 - height, 2)))
    return pieces


def _round_up(count: int) -> int:
    """The next of 1, 2, 4, 6, 8, 10, 20, 40 ...: half of it is a whole number, 1 excepted."""
    if count <= 2:
        return max(count, 1)
    power: int = 10 ** int(math.log10(count))
    return next(step * power for step in (1, 2, 4, 6, 8, 10, 20) if step * power >= count)
