"""What handlers say of their own work, the same on every framework."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from opentelemetry.trace import StatusCode
from support import deliveries
from support.calls import PATH, Call, Framework, Reply, Witness
from support.deliveries import BODY, JSON

from outworx_otel import TrackContext, TrackOptions, current_track

from .conftest import Telemetry

Monitor = Callable[..., None]
MARKED = TrackOptions("stripe", require_processing_mark=True)


def track(call: Call) -> TrackContext:
    assert isinstance(call.track, TrackContext)
    return call.track


def test_a_processed_delivery_is_completed(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    app = framework.serve(Witness(lambda call: track(call).processed({"order": 7, "vip": True})))
    assert app.post(BODY, JSON).status == 200
    span = telemetry.delivery()
    assert telemetry.said("processing.status") == "completed"
    assert span.start_time <= telemetry.said("processing.marked_at") * 1e9 + 1000
    assert telemetry.said("metadata.order") == 7
    assert telemetry.said("metadata.vip") is True
    assert span.status.status_code is StatusCode.UNSET
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.processing.status"] == "completed"
    assert point[0]["outworx.webhook.outcome"] == "accepted"


def test_a_failed_delivery_is_an_error_although_the_answer_is_200(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    app = framework.serve(Witness(lambda call: track(call).failed("out of stock", {"sku": "x"})))
    assert app.post(BODY, JSON).status == 200
    assert telemetry.said("processing.status") == "failed"
    assert telemetry.said("processing.reason") == "out of stock"
    assert telemetry.said("metadata.sku") == "x"
    span = telemetry.delivery()
    assert span.status.status_code is StatusCode.ERROR
    assert "out of stock" in (span.status.description or "")
    assert span.attributes["error.type"] == "failed"


def test_an_ignored_delivery_is_neither_a_drop_nor_an_error(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    framework.serve(Witness(lambda call: track(call).ignored("not for us"))).post(BODY, JSON)
    assert telemetry.said("processing.status") == "ignored"
    assert telemetry.said("processing.reason") == "not for us"
    assert telemetry.delivery().status.status_code is StatusCode.UNSET


def test_a_success_without_a_mark_is_a_silent_drop(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    assert framework.serve(Witness()).post(BODY, JSON).status == 200
    assert telemetry.said("processing.status") == "silent_drop"
    assert telemetry.delivery().status.status_code is StatusCode.ERROR
    assert telemetry.delivery().attributes["error.type"] == "silent_drop"
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "silent_drop"


@pytest.mark.parametrize(("status", "dropped"), [(204, True), (303, True), (404, False), (503, False)])
def test_only_2xx_and_3xx_without_a_mark_are_drops(
    status: int, dropped: bool, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    assert each.serve(Witness(replies=Reply(status, b""))).post(BODY, JSON).status == status
    assert telemetry.said("processing.status") == ("silent_drop" if dropped else None)


def test_without_the_requirement_an_unmarked_delivery_has_no_processing_status(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    each.serve(Witness()).post(BODY, JSON)
    assert telemetry.said("processing.status") is None


def test_the_first_mark_wins(framework: Framework, monitor: Monitor, telemetry: Telemetry) -> None:
    def marks_twice(call: Call) -> None:
        track(call).failed("first")
        track(call).processed()

    monitor({PATH: MARKED})
    framework.serve(Witness(marks_twice)).post(BODY, JSON)
    assert telemetry.said("processing.status") == "failed"
    assert [span.name for span in telemetry.spans()] == ["webhook stripe"]


def test_the_handle_is_the_current_one_in_the_handlers_context(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    handler = Witness(lambda call: current_track().processed())
    framework.serve(handler).post(BODY, JSON)
    assert telemetry.said("processing.status") == "completed"
    assert current_track() is not handler.calls[0].track


def test_a_mark_from_another_thread_counts(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def marks_elsewhere(call: Call) -> None:
        thread = threading.Thread(target=track(call).processed)
        thread.start()
        thread.join()

    monitor({PATH: MARKED})
    framework.serve(Witness(marks_elsewhere)).post(BODY, JSON)
    assert telemetry.said("processing.status") == "completed"


def test_a_mark_after_the_delivery_is_a_span_of_its_own_and_a_warning(
    framework: Framework, monitor: Monitor, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    monitor({PATH: MARKED})
    handler = Witness()
    framework.serve(handler).post(BODY, JSON)
    track(handler.calls[0]).failed("too late", {"order": 7})
    delivery, process = telemetry.spans()
    assert delivery.attributes["outworx.webhook.processing.status"] == "silent_drop"
    assert process.name == "process"
    assert process.attributes["outworx.webhook.processing.status"] == "failed"
    assert process.attributes["outworx.webhook.metadata.order"] == 7
    assert process.status.status_code is StatusCode.ERROR
    assert [link.context.span_id for link in process.links] == [delivery.context.span_id]
    assert "after its delivery was over" in caplog.text


def test_outside_of_a_delivery_the_current_handle_belongs_to_nothing() -> None:
    current_track().processed()
    assert current_track().mark is None


def test_the_span_is_current_while_the_handler_runs(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    tracer = telemetry.tracer_provider.get_tracer("shop")

    def queries(call: Call) -> None:
        tracer.start_span("SELECT").end()

    monitor({PATH: TrackOptions("stripe")})
    framework.serve(Witness(queries)).post(BODY, JSON)
    (query,) = [span for span in telemetry.exporter.get_finished_spans() if span.name == "SELECT"]
    assert query.parent is not None
    assert query.parent.span_id == telemetry.delivery().context.span_id


def test_a_streamed_answer_is_settled_when_its_last_part_is_out(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()

    def answer() -> object:
        yield b"one "
        assert telemetry.deliveries() == []
        track(handler.calls[0]).processed()
        yield b"two"

    handler.does = lambda call: Reply(body=answer())  # type: ignore[arg-type]
    monitor({PATH: MARKED})
    if framework.name == "django-asgi-async":
        # Django warns where an async view streams from a sync iterator, and reads it whole.
        handler.does = None
        track_later = Witness(lambda call: track(call).processed())
        framework.serve(track_later).post(BODY, JSON)
    else:
        assert framework.serve(handler).post(BODY, JSON).body == b"one two"
    assert telemetry.said("processing.status") == "completed"


def test_an_unverified_delivery_still_names_its_event(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    framework.serve(Witness()).post(BODY, deliveries.JSON)
    assert telemetry.said("event.type") == "charge.succeeded"
    assert telemetry.delivery().attributes["http.request.body.size"] == len(BODY)
