"""`token()` and `resume()`: the work goes on with its own span, linked to the delivery's."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from integrations.conftest import Telemetry
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from support.calls import Framework

import outworx_otel
from outworx_otel import current_track, resume

from .delivering import (
    DJANGO,
    FASTAPI,
    FLASK,
    KEYED,
    Monitor,
    handed_on,
    is_error,
    process,
    processes,
    said,
)


def elsewhere(work: Callable[[], None]) -> None:
    """In a thread with an empty context, as a worker has it."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            contextvars.Context().run(work)
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for error in errors:
        raise error


@pytest.mark.parametrize("framework", [FASTAPI, FLASK, DJANGO], ids=lambda framework: framework.name)
def test_the_workers_span_is_linked_to_the_delivery_and_carries_the_outcome(
    framework: Framework, secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    token = handed_on(monitor, framework=framework, options=KEYED)
    delivery = telemetry.delivery()
    assert said(delivery, "processing.status") == "deferred"
    assert not is_error(delivery)
    time.sleep(0.05)

    def work() -> None:
        with resume(token) as track:
            track.processed({"order": 7})

    elsewhere(work)
    span = process(telemetry)
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is None
    assert span.context.trace_id != delivery.context.trace_id
    assert said(span, "processing.status") == "completed"
    assert said(span, "metadata.order") == 7
    assert 0.05 <= said(span, "processing.queue_delay") < 15
    assert (said(span, "provider"), said(span, "event.id")) == ("stripe", "evt_1")
    assert span.attributes["http.route"] == delivery.attributes["http.route"]
    assert not is_error(span)


def test_failed_work_is_an_error_with_its_reason(token: str, telemetry: Telemetry) -> None:
    with resume(token) as track:
        track.failed("card declined", {"sku": "x"})
        track.processed()
    span = process(telemetry)
    assert (said(span, "processing.status"), said(span, "processing.reason")) == ("failed", "card declined")
    assert said(span, "metadata.sku") == "x"
    assert is_error(span)
    assert "card declined" in (span.status.description or "")


def test_ignored_work_is_none(token: str, telemetry: Telemetry) -> None:
    with resume(token) as track:
        track.ignored("a duplicate")
    assert said(process(telemetry), "processing.status") == "ignored"
    assert not is_error(process(telemetry))


def test_work_without_a_mark_is_a_silent_drop(token: str, telemetry: Telemetry) -> None:
    with resume(token):
        pass
    span = process(telemetry)
    assert said(span, "processing.status") == span.attributes["error.type"] == "silent_drop"
    assert is_error(span)


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("kind", [KeyError, SystemExit, KeyboardInterrupt, StopIteration])
def test_an_exception_is_reported_and_goes_on(
    kind: type[BaseException], marked: bool, token: str, telemetry: Telemetry
) -> None:
    raised = kind("order 7")
    with pytest.raises(kind) as caught, resume(token) as track:  # noqa: PT012  # the mark is the other case
        if marked:
            track.processed()
        raise raised
    assert caught.value is raised
    span = process(telemetry)
    assert span.attributes["error.type"] == kind.__name__
    assert said(span, "processing.status") == ("completed" if marked else None)
    assert is_error(span)
    (event,) = span.events
    assert event.name == "exception"
    assert "test_resume.py" in event.attributes["exception.stacktrace"]
    assert current_track() is not track


def test_the_handle_and_the_span_are_current_inside_and_gone_outside(
    token: str, telemetry: Telemetry
) -> None:
    tracer = telemetry.tracer_provider.get_tracer("the worker's own")
    with resume(token) as track:
        assert current_track() is track
        with tracer.start_as_current_span("query"):
            current_track().processed()
    assert current_track() is not track
    assert trace.get_current_span() is trace.INVALID_SPAN
    span = process(telemetry)
    (query,) = [span for span in telemetry.exporter.get_finished_spans() if span.name == "query"]
    assert query.parent.span_id == span.context.span_id
    assert query.context.trace_id == span.context.trace_id
    assert said(span, "processing.status") == "completed"


def test_a_workers_own_span_stays_above_it(token: str, telemetry: Telemetry) -> None:
    tracer = telemetry.tracer_provider.get_tracer("celery")
    with tracer.start_as_current_span("run task") as task:
        with resume(token) as track:
            track.processed()
        assert trace.get_current_span() is task
    assert process(telemetry).parent.span_id == task.get_span_context().span_id


def test_two_jobs_at_a_time_keep_apart(secret: str, monitor: Monitor, telemetry: Telemetry) -> None:
    tokens = [handed_on(monitor) for _ in range(2)]
    deliveries = [span.context.span_id for span in telemetry.deliveries()]

    async def work(number: int, both: asyncio.Barrier | Any) -> None:
        with resume(tokens[number]) as track:
            await both.wait()
            assert current_track() is track
            current_track().processed({"job": number})

    async def run() -> None:
        both = _Meeting()
        await asyncio.gather(work(0, both), work(1, both))

    asyncio.run(run())
    linked = {said(span, "metadata.job"): span.links[0].context.span_id for span in processes(telemetry, 2)}
    assert linked == dict(enumerate(deliveries))


class _Meeting:
    """`asyncio.Barrier(2)`, which Python 3.10 has not."""

    def __init__(self) -> None:
        self._missing, self._met = 2, asyncio.Event()

    async def wait(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._met.set()
        await self._met.wait()


def test_a_failure_of_ours_does_not_reach_the_work(
    token: str, errors: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    from outworx_otel.telemetry import Process

    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Process, "end", breaks)
    with outworx_otel.resume(token) as track:
        track.processed()
    with pytest.raises(KeyError), resume(token):
        raise KeyError("the application's")
    assert [str(error) for error in errors] == ["reporting deferred work failed: RuntimeError: broken"]
    # Twice the same fault in the same place: it is told once.
