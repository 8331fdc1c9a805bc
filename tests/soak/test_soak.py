"""That a soak sees what leaks, and lets pass what does not: else thirty quiet minutes would prove nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .growth import Bound, growth_of
from .scene import parts, soak

BOUND = Bound(absolute=4.0, share=0.05)


def series(per_step: float, noise: float = 3.0, count: int = 180) -> list[float]:
    chance = random.Random(7)  # noqa: S311  # the same each time
    return [100 + per_step * step + chance.gauss(0, noise) for step in range(count)]


@pytest.mark.parametrize("per_step", [0.06, 0.1, 1.0])
def test_a_slow_leak_below_the_noise_is_seen(per_step: float) -> None:
    assert growth_of(series(per_step), BOUND).is_leak


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_no_leak(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    assert not growth_of([100 + chance.gauss(0, 20) for _ in range(180)], BOUND).is_leak


def test_what_warms_up_and_then_stays_is_no_leak() -> None:
    assert not growth_of([min(100 + 2 * step, 200) for step in range(180)], BOUND).is_leak


def test_a_few_moments_of_a_busy_machine_are_no_leak() -> None:
    values = series(0.0)
    values[150:165] = [value * 5 for value in values[150:165]]
    assert not growth_of(values, BOUND).is_leak


def test_what_falls_is_no_leak() -> None:
    assert not growth_of(series(-0.5), BOUND).is_leak


def test_too_few_measurements_are_an_error_and_no_verdict() -> None:
    with pytest.raises(ValueError, match="too few"):
        growth_of([1.0] * 10, BOUND)


def test_a_real_application_that_leaks_is_found_out(tmp_path: Path) -> None:
    with parts(tmp_path, SITE_LEAKS="memory,descriptors,threads") as there:
        found = soak(there, 10)
    assert {("application", what) for what in ("memory", "descriptors", "threads")} <= set(found.leaks)
    assert found.sent > 50
