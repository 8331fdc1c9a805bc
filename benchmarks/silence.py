"""How well the silence rule tells a provider that stopped from one that pauses: `python -m benchmarks.silence`."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final

from outworx_otel.server.problems.rhythm import DAY, HOUR, QUARTER, SOONEST_SECONDS, WEEK, learn

_HOW: Final = """\
A simulated year of 98 endpoints, in Poisson arrivals with what each kind adds. Once a week the provider is thought to
stop, and it is counted how many deliveries were missed, in truth, when that would have been told. Beside the server's
rule: "none for N hours", N half as long again as the longest gap of the last two weeks, and the gap that a Poisson
process of the last eight weeks' mean rate has less than once a quarter."""
_YEAR: Final = 365 * DAY
_BEGIN: Final = 1_700_000_000 - 1_700_000_000 % WEEK
_WORKDAY: Final = [
    0.15, 0.1, 0.08, 0.08, 0.1, 0.2, 0.5, 0.9, 1.4, 1.8, 2.0, 2.0,
    1.8, 1.9, 2.0, 1.9, 1.8, 1.6, 1.4, 1.2, 1.0, 0.7, 0.4, 0.25,
]  # fmt: skip


@dataclass(frozen=True)
class Traffic:
    """How an endpoint is called.

    Args:
        name: of the kind.
        daily, weekly: whether nights and weekends are quieter.
        burst: arrivals that come together, on average.
        growth: how much more there is after a year.
        holidays: days of the year with two fifths of the traffic.
        wobble: how much days differ (a log-normal's sigma).
        deploys: whether the application is away for some minutes twice a week.
    """

    name: str
    daily: bool = False
    weekly: bool = False
    burst: float = 1.0
    growth: float = 1.0
    holidays: int = 0
    wobble: float = 0.0
    deploys: bool = False


KINDS: Final = (
    Traffic("steady"),
    Traffic("day and night", daily=True),
    Traffic("weekends too", daily=True, weekly=True),
    Traffic("bursts of 8", daily=True, burst=8),
    Traffic("growing sixfold", daily=True, weekly=True, growth=6),
    Traffic("8 holidays", daily=True, weekly=True, holidays=8, wobble=0.2),
    Traffic("104 deploys", daily=True, deploys=True),
)
# How many a day, and how many endpoints of each kind are that large: 98 endpoints together.
SIZES: Final = {10: 6, 100: 6, 1000: 2}


class Endpoint:
    """One endpoint's year."""

    def __init__(self, traffic: Traffic, a_day: float, seed: int) -> None:
        self.traffic = traffic
        self.a_day = a_day
        self.random = random.Random(seed)  # noqa: S311  # a simulation
        days = self.random.sample(range(20, 365), traffic.holidays)
        self.quiet = set(days)
        self.shift = self.random.randrange(24)
        self.factors = [
            math.exp(self.random.gauss(0, traffic.wobble) - traffic.wobble**2 / 2) for _ in range(366)
        ]

    def rate(self, at: float) -> float:
        """Arrivals a second, in truth."""
        since = at - _BEGIN
        day = int(since // DAY)
        factor = self.a_day / DAY * self.traffic.growth ** (since / _YEAR) * self.factors[min(day, 365)]
        if self.traffic.daily:
            factor *= _WORKDAY[int(since % DAY // HOUR + self.shift) % 24] / (sum(_WORKDAY) / 24)
        if self.traffic.weekly and int(since // DAY) % 7 in (2, 3):
            factor *= 0.3
        return factor * (0.4 if day in self.quiet else 1.0)

    def arrivals(self) -> list[float]:
        """A year of them."""
        burst = self.traffic.burst
        found: list[float] = []
        at = float(_BEGIN)
        while at < _BEGIN + _YEAR:
            # Hour by hour, the rate is constant.
            end = (at // HOUR + 1) * HOUR
            rate = self.rate(at) / burst
            here = at
            while rate > 0 and (here := here + self.random.expovariate(rate)) < end:
                count = 1 if burst == 1 else 1 + int(self.random.expovariate(1 / (burst - 1)))
                found.extend(here + self.random.uniform(0, 60) for _ in range(count))
            at = end
        found.sort()
        return self._without_deploys(found) if self.traffic.deploys else found

    def _without_deploys(self, arrivals: list[float]) -> list[float]:
        """While the application is away for 2 to 12 minutes nothing arrives; half of it is tried again later."""
        kept = []
        away = sorted(_BEGIN + self.random.uniform(0, _YEAR) for _ in range(104))
        ends = [(start, start + self.random.uniform(120, 720)) for start in away]
        position = 0
        for at in arrivals:
            while position < len(ends) - 1 and ends[position][1] < at:
                position += 1
            start, end = ends[position]
            if start <= at < end:
                if self.random.random() < 0.5:
                    kept.append(end + self.random.uniform(0, 1800))
            else:
                kept.append(at)
        kept.sort()
        return kept


Rule = Callable[[list[float], float], "Callable[[list[float], int, float], float] | None"]
"""Learns from the arrivals until a time; then says when the gap after the arrival at an index becomes a silence."""


def ours(arrivals: list[float], now: float) -> Callable[[list[float], int, float], float] | None:
    """The server's rule."""
    rhythm = learn(arrivals, now)
    if rhythm is None:
        return None
    return lambda all_of_them, index, told: rhythm.silent_from(_recent(all_of_them, index), told)


def poisson(arrivals: list[float], now: float) -> Callable[[list[float], int, float], float] | None:
    """A gap that the mean rate of the last eight weeks has less than once a quarter."""
    recent = [at for at in arrivals if at > now - 8 * WEEK]
    if now - arrivals[0] < 2 * WEEK or len(recent) < 50:
        return None
    mean = (now - max(recent[0], now - 8 * WEEK)) / len(recent)
    gap = max(mean * math.log(QUARTER / mean), SOONEST_SECONDS)
    return lambda all_of_them, index, told: all_of_them[index] + gap


def plain(arrivals: list[float], now: float) -> Callable[[list[float], int, float], float] | None:
    """One and a half times the longest gap of the last two weeks."""
    if now - arrivals[0] < 2 * WEEK:
        return None
    recent = [at for at in arrivals if at > now - 2 * WEEK]
    if len(recent) < 50:
        return None
    gap = max(after - before for before, after in pairwise(recent)) * 1.5
    return lambda all_of_them, index, told: all_of_them[index] + gap


def _recent(arrivals: list[float], index: int) -> list[float]:
    return arrivals[max(index - 400, 0) : index + 1]


@dataclass
class Score:
    """Of one rule at one kind of traffic."""

    false_alarms: int = 0
    quarters: float = 0.0
    waits: list[float] = field(default_factory=list)


def run(endpoint: Endpoint, rule: Rule, score: Score, relearn: float = WEEK) -> None:
    """One endpoint's year: each gap is a trial for a false alarm, and once a week the provider might have stopped."""
    arrivals = endpoint.arrivals()
    says = None
    learnt_at = -math.inf
    stops = iter(_stops(endpoint))
    stop = next(stops)
    told_last = -math.inf
    for index in range(len(arrivals) - 1):
        at, after = arrivals[index], arrivals[index + 1]
        if at - learnt_at > relearn:
            says = rule(arrivals[: index + 1], at)
            learnt_at = at
        if says is None:
            continue
        if after > stop:
            told = says(arrivals, index, told_last)
            score.waits.append(_expected(endpoint, at, told))
            while stop < after:
                stop = next(stops, math.inf)
            if told < after:
                score.false_alarms += 1
                told_last = after
        elif after - at > SOONEST_SECONDS and says(arrivals, index, told_last) < after:
            score.false_alarms += 1
            told_last = after
    score.quarters += (arrivals[-1] - arrivals[0] - 2 * WEEK) / QUARTER


def _stops(endpoint: Endpoint) -> Iterator[float]:
    at = _BEGIN + 3 * WEEK
    while True:
        at += WEEK * endpoint.random.uniform(0.5, 1.5)
        yield at


def _expected(endpoint: Endpoint, since: float, until: float) -> float:
    """How many arrivals there would have been in truth."""
    if until - since > 60 * DAY:
        return math.inf
    total, at = 0.0, since
    while at < until:
        end = min((at // HOUR + 1) * HOUR, until)
        total += endpoint.rate(at) * (end - at)
        at = end
    return total


def main() -> int:
    """Prints one row per kind of traffic, size and rule."""
    print(_HOW)
    print(f"\n{'':25}{'false alarms a quarter':^36}{'told after so many of its usual gaps':^36}")
    print(f"{'traffic':16} {'a day':>8}" + "".join(f"{name:>12}" for name in RULES) * 2)
    for kind in KINDS:
        for size, count in SIZES.items():
            scores = []
            for rule in RULES.values():
                score = Score()
                for seed in range(count):
                    run(Endpoint(kind, size, seed), rule, score)
                scores.append(score)
            alarms = "".join(f"{score.false_alarms / score.quarters:12.2f}" for score in scores)
            waits = "".join(f"{median(score.waits):12.1f}" for score in scores)
            print(f"{kind.name:16} {size:8}{alarms}{waits}", flush=True)
    return 0


RULES: Final = {"ours": ours, "plain": plain, "Poisson": poisson}

if __name__ == "__main__":
    sys.exit(main())
