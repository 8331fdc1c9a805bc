"""The circuit breaker, by a clock of its own."""

from __future__ import annotations

import pytest

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.breaker import FIRST_PAUSE, LONGEST_PAUSE, THRESHOLD, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit(), "down", timed_out=True)


def test_it_opens_after_a_few_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, THRESHOLD - 1)
    breaker.succeeded(breaker.admit())
    fail(breaker, THRESHOLD - 1)
    assert breaker.counts().state == "closed"
    fail(breaker)
    assert breaker.counts().state == "open"


def test_open_it_turns_operations_away_and_says_why(breaker: Breaker) -> None:
    fail(breaker, THRESHOLD)
    with pytest.raises(StoreError, match="down"):
        breaker.admit()
    assert breaker.counts().refused == 1


def test_after_a_pause_it_lets_one_operation_try(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, THRESHOLD)
    clock.now += FIRST_PAUSE
    ticket = breaker.admit()
    with pytest.raises(StoreError):
        breaker.admit()
    assert breaker.succeeded(ticket)
    assert breaker.counts().state == "closed"
    breaker.admit()


def test_a_failed_try_makes_the_pause_longer_up_to_a_limit(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, THRESHOLD)
    pause = FIRST_PAUSE
    for _ in range(8):
        clock.now += pause
        fail(breaker)
        pause = min(pause * 2, LONGEST_PAUSE)
        clock.now += pause - 0.01
        with pytest.raises(StoreError):
            breaker.admit()
        clock.now += 0.01
    assert breaker.counts().opened == 1


def test_what_began_before_it_opened_moves_it_no_more(breaker: Breaker, clock: Clock) -> None:
    late = [breaker.admit() for _ in range(5)]
    fail(breaker, THRESHOLD)
    for ticket in late[:3]:
        breaker.failed(ticket, "down", timed_out=True)
    assert not breaker.succeeded(late[3])
    assert breaker.counts().state == "open"
    clock.now += FIRST_PAUSE
    trying = breaker.admit()
    assert not breaker.failed(late[4], "down", timed_out=False)
    assert breaker.counts().state == "half-open"
    assert breaker.succeeded(trying)


def test_a_cancelled_try_leaves_the_try_to_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, THRESHOLD)
    clock.now += FIRST_PAUSE
    breaker.gave_up(breaker.admit())
    assert breaker.succeeded(breaker.admit())


def test_it_counts_what_it_sees(breaker: Breaker, clock: Clock) -> None:
    breaker.succeeded(breaker.admit())
    fail(breaker, THRESHOLD)
    with pytest.raises(StoreError):
        breaker.admit()
    clock.now += FIRST_PAUSE
    breaker.succeeded(breaker.admit())
    breaker.failed(breaker.admit(), "odd", timed_out=False)
    counts = breaker.counts()
    assert (counts.succeeded, counts.failed, counts.timed_out, counts.refused) == (2, 4, 3, 1)
    assert (counts.opened, counts.closed, counts.state) == (1, 1, "closed")
