"""Who waits until a `process` span is sent: workers that may be gone right afterwards, and no event loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from outworx_otel import resume
from outworx_otel.delivery import _deferred
from outworx_otel.setup.runtime import current


@pytest.fixture
def flushed(token: str) -> list[float]:
    """The bounds, in seconds, of each flush."""
    bounds: list[float] = []
    current().flush = bounds.append
    return bounds


@pytest.fixture(params=[False, True], ids=["made anew", "forked"])
def forked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether this process is known to be a forked one; it has just begun in any case."""
    now = time.monotonic()
    monkeypatch.setattr(_deferred, "began", lambda: (now, request.param))
    return bool(request.param)


def work(token: str) -> None:
    with resume(token) as track:
        track.processed()


async def work_in_a_loop(token: str) -> None:
    work(token)


def test_a_young_process_sends_before_it_goes_on(forked: bool, token: str, flushed: list[float]) -> None:
    work(token)
    assert len(flushed) == 1
    assert 0 < flushed[0] <= 5


def test_so_does_one_whose_job_takes_its_time(
    forked: bool, token: str, flushed: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with resume(token) as track:
        monkeypatch.setattr(_deferred, "began", lambda: (time.monotonic() - 3600, forked))
        track.processed()
    assert len(flushed) == 1


def test_one_that_fails_sends_too(forked: bool, token: str, flushed: list[float]) -> None:
    with pytest.raises(KeyError), resume(token):
        raise KeyError
    assert len(flushed) == 1


def test_a_process_that_has_been_there_for_long_leaves_it_to_the_batch(
    forked: bool, token: str, flushed: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_deferred, "began", lambda: (time.monotonic() - 3600, forked))
    work(token)
    assert flushed == []


def test_an_event_loop_is_held_up_only_in_a_forked_child(
    forked: bool, token: str, flushed: list[float]
) -> None:
    asyncio.run(work_in_a_loop(token))
    assert len(flushed) == (1 if forked else 0)
