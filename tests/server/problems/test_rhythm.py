"""When a gap is a silence: later than chance would have it, and not much."""

from __future__ import annotations

import math
import random

import pytest

from outworx_otel.server.problems.rhythm import DAY, HOUR, SOONEST_SECONDS, WEEK, Rhythm, learn

BEGIN = 1_700_000_000 - 1_700_000_000 % WEEK


def steady(a_day: float, weeks: float, seed: int = 1) -> list[float]:
    chance, at, found = random.Random(seed), float(BEGIN), []  # noqa: S311  # a simulation
    while (at := at + chance.expovariate(a_day / DAY)) < BEGIN + weeks * WEEK:
        found.append(at)
    return found


def by_day(a_day: float, weeks: int, seed: int = 1) -> list[float]:
    """Deliveries between 8 and 20 h alone."""
    return [at for at in steady(2 * a_day, weeks, seed) if 8 * HOUR <= at % DAY < 20 * HOUR]


def gaps_until_told(arrivals: list[float]) -> float:
    rhythm = learn(arrivals, arrivals[-1])
    assert rhythm is not None
    told = rhythm.silent_from(arrivals)
    return rhythm.expected(arrivals[-1], told)


@pytest.mark.parametrize(("a_day", "few", "many"), [(10, 6, 9), (100, 8, 11.5), (1000, 10, 13)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_steady_traffic_is_missed_after_what_chance_would_bring_once_a_quarter(
    a_day: float, few: float, many: float, seed: int
) -> None:
    arrivals = steady(a_day, 6, seed)
    rhythm = learn(arrivals, arrivals[-1])
    assert rhythm is not None
    assert few < rhythm.threshold < many


@pytest.mark.parametrize(("a_day", "at_most"), [(10, 8), (100, 10), (1000, 13)])
def test_clockwork_is_missed_within_the_promised_gaps(a_day: int, at_most: float) -> None:
    arrivals = [BEGIN + number * DAY / a_day for number in range(int(a_day * 7 * 4))]
    assert gaps_until_told(arrivals) <= at_most


def test_nothing_is_said_before_two_weeks_or_fifty_deliveries() -> None:
    two_days = steady(1000, 2 / 7)
    assert learn(two_days, two_days[-1]) is None
    few = [BEGIN + number * DAY for number in range(49)]
    assert learn(few, few[-1]) is None
    assert learn([*few, few[-1] + DAY], few[-1] + DAY) is not None
    assert learn([], BEGIN) is None


def test_a_night_is_no_silence_and_the_morning_after_is() -> None:
    arrivals = by_day(200, 4)
    evening = arrivals[-1]
    rhythm = learn(arrivals, evening)
    assert rhythm is not None
    told = rhythm.silent_from(arrivals)
    assert 8 * HOUR < told % DAY < 10 * HOUR, "in the first hours of the next day"
    assert evening < told < evening + DAY


def test_it_is_never_told_sooner_than_ten_minutes() -> None:
    arrivals = steady(50_000, 2.1)
    rhythm = learn(arrivals, arrivals[-1])
    assert rhythm is not None
    assert rhythm.silent_from(arrivals) == arrivals[-1] + SOONEST_SECONDS


def test_deliveries_that_come_together_count_as_one_call() -> None:
    bursts = [at + second for at in steady(10, 8) for second in range(8)]
    alone = learn(steady(80, 8), BEGIN + 8 * WEEK)
    together = learn(bursts, bursts[-1])
    assert alone is not None
    assert together is not None
    assert together.threshold > 4 * alone.threshold


def test_where_less_comes_than_usual_a_gap_may_be_longer() -> None:
    arrivals = steady(240, 4)
    holiday = arrivals[-1] + HOUR
    slow = [*arrivals, *(holiday + number * HOUR for number in range(12))]
    rhythm = learn(arrivals, arrivals[-1])
    assert rhythm is not None
    usual = rhythm.silent_from(arrivals) - arrivals[-1]
    assert rhythm.silent_from(slow) - slow[-1] > 2 * usual


def test_the_day_after_a_silence_needs_a_longer_one() -> None:
    arrivals = steady(100, 4)
    rhythm = learn(arrivals, arrivals[-1])
    assert rhythm is not None
    last = arrivals[-1]
    usual, wary, later = (
        rhythm.expected(last, rhythm.silent_from(arrivals, last_silence=last - ago))
        for ago in (math.inf, HOUR, 2 * DAY)
    )
    assert (wary, later) == (pytest.approx(2 * usual), pytest.approx(usual))


def test_an_outage_does_not_become_usual_and_two_of_them_do() -> None:
    arrivals = steady(100, 6)
    once = [at for at in arrivals if not 2 * WEEK < at - BEGIN < 2 * WEEK + DAY]
    twice = [at for at in once if not 4 * WEEK < at - BEGIN < 4 * WEEK + DAY]
    before, after, again = (learn(those, those[-1]) for those in (arrivals, once, twice))
    assert before is not None
    assert after is not None
    assert again is not None
    assert after.threshold < 1.3 * before.threshold
    assert again.threshold > 5 * before.threshold


def test_what_was_given_is_kept_to_at_every_hour() -> None:
    rhythm = Rhythm.given(every=2 * HOUR)
    assert rhythm.silent_from([BEGIN]) == pytest.approx(BEGIN + 2 * HOUR)
    slow = [BEGIN + number * DAY for number in range(3)]
    assert rhythm.silent_from(slow) == pytest.approx(slow[-1] + 2 * HOUR)
    assert Rhythm.given(every=60).silent_from([BEGIN]) == BEGIN + SOONEST_SECONDS


def test_hours_at_which_nothing_comes_have_no_usual_gap() -> None:
    rates = [0.0] * 168
    rates[10] = 1 / 60
    rhythm = Rhythm(rates, 5.0)
    assert rhythm.usual_gap(BEGIN) == math.inf
    assert rhythm.usual_gap(BEGIN + 10 * HOUR) == 60
    # The last one at the end of its hour: the next week's tells.
    assert rhythm.silent_from([BEGIN + 11 * HOUR]) == pytest.approx(BEGIN + WEEK + 10 * HOUR + 300, abs=1)
    assert Rhythm([0.0] * 168, 5.0).silent_from([BEGIN]) == math.inf
