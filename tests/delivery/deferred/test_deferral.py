"""What a deferred delivery is, which mark counts, and what becomes of work that is never marked."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Any

import pytest
from integrations.conftest import Telemetry
from support.calls import PATH, Call, Framework, Reply, Witness
from support.deliveries import BODY, JSON

from outworx_otel import TrackContext, TrackOptions
from outworx_otel.process import timer
from outworx_otel.process.timer import Timer

from .delivering import DJANGO, FASTAPI, FLASK, MARKED, Monitor, deliver, is_error, process, processes, said

each = pytest.mark.parametrize("framework", [FASTAPI, FLASK, DJANGO], ids=lambda framework: framework.name)


@pytest.fixture(autouse=True)
def _fresh_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "deadlines", Timer("of this test alone"))


@each
def test_work_that_is_not_marked_in_time_is_a_silent_drop_of_its_own(
    framework: Framework, monitor: Monitor, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    monitor({PATH: MARKED})
    deliver(framework, lambda track: track.defer(0.1))
    span = process(telemetry)
    assert said(span, "processing.status") == "silent_drop"
    assert span.attributes["error.type"] == "silent_drop"
    assert span.attributes["http.route"]
    assert is_error(span)
    assert "not marked" in (span.status.description or "")
    assert said(span, "processing.queue_delay") >= 0.09
    assert said(telemetry.delivery(), "processing.status") == "deferred"
    assert not is_error(telemetry.delivery())
    assert caplog.records == []


@each
def test_a_deferred_delivery_is_committed_so_its_retry_is_a_replay(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe", require_processing_mark=True, idempotency_key="body.id")})
    handler = Witness(lambda call: call.track.defer(60))
    app = framework.serve(handler, raises=True)
    answers = [app.post(BODY, JSON) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert len(handler.calls) == 1
    first, second = telemetry.deliveries()
    assert (said(first, "idempotency.committed"), said(second, "idempotency.outcome")) == (True, "replayed")
    assert said(second, "processing.status") is None
    counted = {
        (point["outworx.webhook.outcome"], point.get("outworx.webhook.processing.status"))
        for point, _ in telemetry.points("deliveries")
    }
    assert counted == {("deferred", "deferred"), ("replayed", None)}


def test_the_first_mark_after_the_deferral_wins(
    monitor: Monitor, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    monitor({PATH: MARKED})
    track = deliver(FASTAPI, lambda track: track.defer(60))
    track.defer(30)
    track.failed("first", {"attempt": 1})
    track.processed()
    track.ignored()
    track.defer()
    span = process(telemetry)
    assert (said(span, "processing.status"), said(span, "processing.reason")) == ("failed", "first")
    assert said(span, "metadata.attempt") == 1
    assert caplog.records == []


def test_of_many_threads_exactly_one_marks(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: MARKED})
    track = deliver(FLASK, lambda track: track.defer(60))
    start = threading.Barrier(8)

    def marks(number: int) -> None:
        start.wait(15)
        track.processed({"thread": number})

    threads = [threading.Thread(target=marks, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(process(telemetry), "metadata.thread") in range(8)


def test_a_mark_before_the_answer_is_the_deliverys_own(monitor: Monitor, telemetry: Telemetry) -> None:
    def changes_its_mind(track: TrackContext) -> None:
        track.defer(0.05)
        track.processed()

    monitor({PATH: MARKED})
    deliver(FLASK, changes_its_mind)
    time.sleep(0.15)
    assert said(telemetry.delivery(), "processing.status") == "completed"
    assert len(telemetry.spans()) == 1


def test_what_was_marked_cannot_be_deferred_any_more(monitor: Monitor, telemetry: Telemetry) -> None:
    def too_late(track: TrackContext) -> None:
        track.failed("at once")
        track.defer(0.05)

    monitor({PATH: MARKED})
    deliver(FLASK, too_late)
    time.sleep(0.15)
    assert said(telemetry.delivery(), "processing.status") == "failed"
    assert len(telemetry.spans()) == 1


@pytest.mark.parametrize("status", [400, 503])
def test_a_refusal_stays_one_when_its_handler_had_deferred(
    status: int, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})

    def defers(call: Call) -> None:
        assert call.track is not None
        call.track.defer(60)

    assert FLASK.serve(Witness(defers, Reply(status))).post(BODY, JSON).status == status
    assert said(telemetry.delivery(), "processing.status") == "deferred"
    assert is_error(telemetry.delivery()) == (status >= 500)


@each
@pytest.mark.parametrize("options", [MARKED, TrackOptions("stripe")], ids=["required", "not required"])
def test_a_mark_after_the_end_that_nobody_announced_is_a_span_and_a_warning(
    options: TrackOptions,
    framework: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monitor({PATH: options})
    track = deliver(framework, lambda track: None)
    track.processed({"late": 1})
    track.processed({"late": 2})
    span = process(telemetry)
    assert (said(span, "processing.status"), said(span, "metadata.late")) == ("completed", 1)
    (warning,) = [one for one in caplog.records if "outcome=silent_drop" not in one.getMessage()]
    assert (warning.name, warning.levelno) == ("outworx_otel", logging.WARNING)
    assert f"stripe {PATH!r} was marked completed after its delivery was over" in warning.getMessage()


def test_work_that_is_handed_on_after_the_answer_is_no_drop_of_this_process(
    secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    track = deliver(FASTAPI, lambda track: track.defer(0.2))
    assert track.token()
    deliver(FASTAPI, lambda track: track.defer(0.3))
    processes(telemetry)
    time.sleep(0.1)
    assert len(processes(telemetry)) == 1


@pytest.mark.parametrize("timeout", [0, -1, math.inf, -math.inf, math.nan])
def test_a_timeout_that_is_none_is_refused_and_nothing_is_deferred(
    timeout: float, secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    def tries(track: TrackContext) -> None:
        for call in (track.defer, track.token):
            with pytest.raises(ValueError, match="positive number of seconds"):
                call(timeout)

    monitor({PATH: MARKED})
    deliver(FLASK, tries)
    assert said(telemetry.delivery(), "processing.status") == "silent_drop"


def test_a_deadline_in_the_far_future_keeps_no_other_from_being_met(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    for timeout in (1e300, 1e12, 0.1):
        deliver(FLASK, lambda track, timeout=timeout: track.defer(timeout))
    processes(telemetry)
    deliver(FLASK, lambda track: track.defer(0.1))
    assert {said(span, "processing.status") for span in processes(telemetry, 2)} == {"silent_drop"}


def test_more_waiting_work_than_can_be_kept_in_mind_accuses_nobody(
    monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer, "deadlines", Timer("of this test alone", max_waiting=3))
    monitor({PATH: MARKED})
    tracks = [deliver(FLASK, lambda track: track.defer(60)) for _ in range(6)]
    assert [span.name for span in telemetry.spans()] == ["webhook stripe"] * 6
    for track in tracks:
        track.processed()
    assert {said(span, "processing.status") for span in processes(telemetry, 6)} == {"completed"}


def test_what_was_marked_makes_room_for_the_next(
    monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer, "deadlines", Timer("of this test alone", max_waiting=3))
    monitor({PATH: MARKED})
    for _ in range(6):
        deliver(FLASK, lambda track: track.defer(60)).processed()
    deliver(FLASK, lambda track: track.defer(0.1))
    statuses = [said(span, "processing.status") for span in processes(telemetry, 7)]
    assert statuses == ["completed"] * 6 + ["silent_drop"]


def test_a_failure_of_ours_does_not_reach_whoever_marks(
    monitor: Monitor, telemetry: Telemetry, errors: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    from outworx_otel.telemetry import Telemetry as Reporter

    def breaks(*_: Any) -> None:
        raise RuntimeError("broken")

    monitor({PATH: MARKED})
    track = deliver(FLASK, lambda track: track.defer(60))
    monkeypatch.setattr(Reporter, "process", breaks)
    track.processed()
    assert [str(error) for error in errors] == ["reporting deferred work failed: RuntimeError: broken"]
