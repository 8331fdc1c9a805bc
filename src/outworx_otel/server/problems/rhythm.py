"""How often an endpoint is called, hour by hour of the week, and when a gap is too long to be one of its usual ones.

The model. Arrivals are counted by hour of the week (UTC), over at most eight weeks. Time is then measured in expected
arrivals: at steady traffic the gaps between two are exponential with mean 1, whatever the hour. Bursts, holidays and
what else no table of hours knows make them longer; how much so is read from the gaps themselves (the mean excess over
a high quantile). A silence is a gap that would come less than once a quarter.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
QUARTER: Final = 91 * DAY
LEARNING_SECONDS: Final = 2 * WEEK
LEARNING_ARRIVALS: Final = 50
REMEMBERED_SECONDS: Final = 8 * WEEK
SOONEST_SECONDS: Final = 600.0

# The epoch was a Thursday; which weekday a bin is does not matter, as long as it is always the same.
_HOURS: Final = 168
# Half of the one false alarm a quarter that is allowed: no table of hours is quite true.
_PER_QUARTER: Final = 0.5
# So many weeks of one hour of the week tell as much of it as the hours of a day and the days of a week do apart.
_PRIOR_WEEKS: Final = 4.0
# So many arrivals tell as much of an hour of the day, or of a day of the week, as that all are alike.
_HOUR_PRIOR: Final = 2.0
_DAY_PRIOR: Final = 5.0
# The present's traffic is that of so many seconds, or of so many arrivals, whichever is more.
_LEVEL_SECONDS: Final = 6 * HOUR
_LEVEL_ARRIVALS: Final = 20
_LEVEL_PRIOR: Final = 10.0
# The longest gaps, which tell how likely still longer ones are; so many of mean 1 are added to them.
_TAIL: Final = 0.1
_TAIL_PRIOR: Final = 5.0


class Rhythm:
    """An endpoint's usual traffic.

    Args:
        rates: arrivals a second, for each of the 168 hours of a week, beginning where Unix time does.
        threshold: a gap is a silence from so many expected arrivals on.
        adapts: whether less traffic than usual, just before a gap, makes that less of a silence.
    """

    def __init__(self, rates: Sequence[float], threshold: float, *, adapts: bool = True) -> None:
        self.rates = tuple(rates)
        self.threshold = threshold
        self._adapts = adapts
        self._sums = [0.0, *accumulate(rate * HOUR for rate in self.rates)]

    @classmethod
    def given(cls, every: float) -> Rhythm:
        """Of an endpoint that is to be called at least every so many seconds, at any hour."""
        return cls([1 / every] * _HOURS, 1.0, adapts=False)

    def expected(self, since: float, until: float) -> float:
        """How many arrivals are usual between two times, in Unix seconds."""
        return self._since_epoch(until) - self._since_epoch(since)

    def usual_gap(self, at: float) -> float:
        """The mean gap in seconds at that hour of the week; infinite where nothing ever comes."""
        rate = self.rates[int(at % WEEK // HOUR)]
        return 1 / rate if rate > 0 else math.inf

    def silent_from(self, recent: Sequence[float], last_silence: float = -math.inf) -> float:
        """When the gap after the last arrival becomes a silence, in Unix seconds; infinite where it never does.

        Args:
            recent: the last arrivals, in order, the more of the last hours the better; the last one counts.
            last_silence: when the last silence ended. For a day after it, a gap has to be twice as long: it may be
                an unusual day.
        """
        last, wanted = recent[-1], self.threshold
        if self._adapts:
            wanted *= (2 if last - last_silence < DAY else 1) / self._level(recent)
        return max(self._when(self._since_epoch(last) + wanted), last + SOONEST_SECONDS)

    def _level(self, recent: Sequence[float]) -> float:
        """How much of the usual traffic there is at present, 1 at most: on a holiday gaps are longer."""
        last = recent[-1]
        start = min(bisect_left(recent, last - _LEVEL_SECONDS), max(len(recent) - 1 - _LEVEL_ARRIVALS, 0))
        return _level_of(len(recent) - 1 - start, self.expected(recent[start], last))

    def _since_epoch(self, at: float) -> float:
        weeks, rest = divmod(at, WEEK)
        hour, seconds = divmod(rest, HOUR)
        return weeks * self._sums[-1] + self._sums[int(hour)] + seconds * self.rates[int(hour)]

    def _when(self, total: float) -> float:
        """The time at which so many arrivals are expected since the epoch."""
        if self._sums[-1] <= 0:
            return math.inf
        weeks, rest = divmod(total, self._sums[-1])
        hour = min(bisect_right(self._sums, rest) - 1, _HOURS - 1)
        rate = self.rates[hour]
        return weeks * WEEK + hour * HOUR + ((rest - self._sums[hour]) / rate if rate > 0 else 0.0)


def learn(arrivals: Sequence[float], now: float) -> Rhythm | None:
    """The rhythm of an endpoint; None before two weeks have been seen, or 50 arrivals.

    Args:
        arrivals: Unix seconds, in order; those of the last eight weeks count.
        now: Unix seconds.
    """
    if not arrivals or now - arrivals[0] < LEARNING_SECONDS:
        return None
    since = max(arrivals[0], now - REMEMBERED_SECONDS)
    arrivals = arrivals[bisect_left(arrivals, since) :]
    if len(arrivals) < LEARNING_ARRIVALS:
        return None
    rhythm = Rhythm(_rates(arrivals, since, now), math.inf)
    rhythm.threshold = _threshold(rhythm, arrivals)
    return rhythm


def _rates(arrivals: Sequence[float], since: float, now: float) -> list[float]:
    """Arrivals a second for each hour of the week: what was counted, drawn to what day and hour alone would say.

    The more so, the more arrivals come together: eight of one burst tell no more than one.
    """
    weeks = (now - since) / WEEK
    counts = [0.0] * _HOURS
    by_hour = Counter(int(at // HOUR) for at in arrivals)
    for hour, count in by_hour.items():
        counts[hour % _HOURS] += count
    total = sum(counts)
    squares = sum(count * count for count in by_hour.values())
    together = max((squares - sum(count * count for count in counts) / weeks) / total, 1.0)
    days = _drawn([sum(counts[day * 24 : day * 24 + 24]) for day in range(7)], _DAY_PRIOR * together)
    hours = _drawn([sum(counts[hour::24]) for hour in range(24)], _HOUR_PRIOR * together)
    weight = _PRIOR_WEEKS * together
    return [
        (count + weight * days[position // 24] * hours[position % 24] / total / weeks)
        / (weeks + weight)
        / HOUR
        for position, count in enumerate(counts)
    ]


def _drawn(counts: Sequence[float], weight: float) -> list[float]:
    """Counts drawn to their mean, as if each had been seen `weight` times more as that; their sum stays."""
    mean = sum(counts) / len(counts)
    return [(count + weight) * mean / (mean + weight) for count in counts]


def _threshold(rhythm: Rhythm, arrivals: Sequence[float]) -> float:
    """The gap, in expected arrivals, that would come less than once a quarter."""
    gaps = sorted(_gaps(rhythm, arrivals))
    a_quarter = rhythm.expected(0, QUARTER)
    tail = max(min(len(gaps) - 1, int(len(gaps) * _TAIL)), 1)
    start = gaps[-tail - 1]
    # The longest one may have been an outage, which is not to be usual from then on: it counts as the second longest.
    excess = sum(gap - start for gap in [*gaps[-tail:-1], gaps[-2]])
    mean = max((excess + _TAIL_PRIOR) / (tail + _TAIL_PRIOR), 1.0)
    modelled = start + mean * math.log(max(a_quarter * tail / len(gaps) / _PER_QUARTER, 1.0))
    # What was seen twice is not rarer than that.
    return max(modelled, gaps[-2], 1.0)


def _gaps(rhythm: Rhythm, arrivals: Sequence[float]) -> list[float]:
    sums = [rhythm.expected(0, at) for at in arrivals]
    start = 0
    gaps = []
    for position, (before, after) in enumerate(pairwise(sums)):
        while start < position - _LEVEL_ARRIVALS and arrivals[start] < arrivals[position] - _LEVEL_SECONDS:
            start += 1
        gaps.append((after - before) * _level_of(position - start, before - sums[start]))
    return gaps


def _level_of(arrived: float, expected: float) -> float:
    return min((arrived + _LEVEL_PRIOR) / (expected + _LEVEL_PRIOR), 1.0)
