"""Work that goes on and on: retried, handed to the next worker, deferred within a worker, or never begun."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from integrations.conftest import Telemetry

from outworx_otel import TrackContext, current_track, resume
from outworx_otel.process import timer
from outworx_otel.process.timer import Deadline, Timer

from .delivering import FLASK, Monitor, deliver, handed_on, is_error, processes, said


def test_the_work_can_be_handed_on_again(token: str, telemetry: Telemetry) -> None:
    with resume(token) as track:
        next_token = track.token(30)
    time.sleep(0.05)
    with resume(next_token) as track:
        track.processed()
    first, second = processes(telemetry, 2)
    assert (said(first, "processing.status"), said(second, "processing.status")) == ("deferred", "completed")
    delivery = telemetry.delivery().context.span_id
    assert [span.links[0].context.span_id for span in (first, second)] == [delivery, delivery]
    assert 0.05 <= said(second, "processing.queue_delay") < 15
    assert not is_error(first)


def test_a_retried_job_resumes_the_same_token_again(token: str, telemetry: Telemetry) -> None:
    with contextlib.suppress(ConnectionError), resume(token):
        raise ConnectionError("the database is away")
    with resume(token.encode()) as track:
        track.processed()
    failed, done = processes(telemetry, 2)
    assert (failed.attributes["error.type"], said(done, "processing.status")) == (
        "ConnectionError",
        "completed",
    )


def test_work_that_a_worker_defers_within_itself_is_waited_for(
    token: str, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    with resume(token) as track:
        track.defer(60)
    track.processed()
    with resume(token) as track:
        track.defer(0.05)
    statuses = [said(span, "processing.status") for span in processes(telemetry, 4)]
    assert statuses == ["deferred", "completed", "deferred", "silent_drop"]
    assert {len(span.links) for span in processes(telemetry, 4)} == {1}
    assert caplog.records == []


def test_a_mark_after_the_work_was_left_is_a_span_and_a_warning(
    token: str, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    with resume(token) as track:
        pass
    track.processed()
    statuses = [said(span, "processing.status") for span in processes(telemetry, 2)]
    assert statuses == ["silent_drop", "completed"]
    assert ["after resume() was left" in record.getMessage() for record in caplog.records] == [True]


def test_outside_of_a_delivery_there_is_nothing_to_hand_on_and_nothing_to_resume(
    telemetry: Telemetry, monitor: Monitor
) -> None:
    monitor({})
    assert current_track().token() == ""
    for nothing in ("", b""):
        with resume(nothing) as track:
            assert isinstance(track, TrackContext)
            assert track.token() == ""
            track.processed()
    with pytest.raises(KeyError), resume(""):
        raise KeyError("goes on")
    assert telemetry.spans() == []


class NotedTimer(Timer):
    """One that notes for how long it is asked to wait."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.waits: list[float] = []

    def call_in(self, seconds: float, call: Callable[[], object]) -> Deadline:
        self.waits.append(seconds)
        return super().call_in(seconds, call)


def test_nothing_waits_in_this_process_for_what_another_has_the_token_of(
    secret: str, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = NotedTimer("of this test alone")
    monkeypatch.setattr(timer, "deadlines", noted)
    handed_on(monitor, timeout=0.01)
    # Metrics and what lingers wait there too, other times.
    assert 0.01 not in noted.waits
    deliver(FLASK, lambda track: None)
    assert "process" not in [span.name for span in telemetry.spans()]
