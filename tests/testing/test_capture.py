"""Deliveries, captured beside whatever the application does with its spans."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

import pytest
from conventions.watch import KeptSpans
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from outworx_otel import webhook
from outworx_otel.http.headers import Headers
from outworx_otel.setup import runtime as runtimes
from outworx_otel.telemetry import Record, Telemetry
from outworx_otel.telemetry.redaction import Redactor
from outworx_otel.testing import Webhooks, capture, post_webhook


def app() -> TestClient:
    application = FastAPI()

    @application.post("/hook")
    @webhook("stripe", require_processing_mark=True, metadata={"team": "payments"})
    async def receive(request: Request) -> str:
        match (await request.json()).get("do"):
            case "process":
                request.state.outworx_track.processed()
            case "fail":
                request.state.outworx_track.failed("no such order")
            case "ignore":
                request.state.outworx_track.ignored()
        return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)

    return TestClient(application)


def post(client: TestClient, do: str) -> Any:
    return post_webhook(client, "/hook", "stripe", {"do": do, "type": "charge.succeeded", "id": "evt_1"})


def test_tells_what_became_of_each_delivery(captured: Webhooks) -> None:
    client = app()
    for do in ("process", "fail", "ignore", "nothing"):
        post(client, do)
    assert [delivery.processing for delivery in captured] == ["completed", "failed", "ignored", "silent_drop"]
    assert [delivery.status for delivery in captured] == [200] * 4
    failed = captured[1]
    assert (failed.reason, failed.explanation) == ("no such order", "failed: no such order")
    assert (failed.provider, failed.path) == ("stripe", "/hook")
    assert (failed.event_type, failed.event_id) == ("charge.succeeded", "evt_1")
    assert captured.silent_drops == [captured.last] == [captured[3]]
    assert len(captured) == 4
    assert captured[0].span.attributes is not None
    assert captured[0].span.attributes["outworx.webhook.metadata.team"] == "payments"


def test_works_where_no_sdk_is_configured(captured: Webhooks) -> None:
    # The global provider of this process is the proxy, which records nothing.
    answer = post(app(), "process").json()
    assert captured.last.span.context is not None
    assert answer == trace.format_trace_id(captured.last.span.context.trace_id)
    assert captured.last.processing == "completed"


def test_the_applications_own_provider_gets_what_it_always_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = KeptSpans()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    processors = provider._active_span_processor._span_processors
    runtime = runtimes.current()
    monkeypatch.setattr(runtime, "telemetry", Telemetry(provider))
    client = app()
    with capture() as webhooks:
        post(client, "process")
    post(client, "fail")
    statuses = [
        span.attributes["outworx.webhook.processing.status"] for span in exporter.get_finished_spans()
    ]  # type: ignore[index]  # it has attributes
    assert statuses == ["completed", "failed"]
    assert provider._active_span_processor._span_processors is processors
    assert [delivery.processing for delivery in webhooks] == ["completed"]
    assert webhooks[0].span is exporter.get_finished_spans()[0] or (
        webhooks[0].span.context == exporter.get_finished_spans()[0].context
    )


def test_may_be_nested_and_leaves_nothing_behind() -> None:
    client = app()
    with capture() as outer:
        with capture() as inner:
            post(client, "process")
        post(client, "fail")
    post(client, "ignore")
    assert [delivery.processing for delivery in inner] == ["completed"]
    assert [delivery.processing for delivery in outer] == ["completed", "failed"]
    assert "_tracer" not in vars(Telemetry)


def test_one_that_is_under_way_is_none_yet_and_can_be_waited_for(captured: Webhooks) -> None:
    client = app()
    thread = threading.Thread(target=post, args=(client, "process"))
    assert len(captured) == 0
    thread.start()
    (delivery,) = captured.wait_for(1)
    thread.join()
    assert delivery.processing == "completed"
    with pytest.raises(AssertionError, match=r"1 deliveries in .* not 2"):
        captured.wait_for(2, timeout=0.02)


def test_nothing_captured_says_what_may_be_wrong(captured: Webhooks) -> None:
    with pytest.raises(AssertionError, match="is the application instrumented"):
        _ = captured.last
    post(app(), "process")
    captured.clear()
    assert list(captured) == []


def test_one_endpoint_that_asks_for_no_mark_has_no_processing_status(captured: Webhooks) -> None:
    application = FastAPI()

    @application.post("/hook")
    @webhook("github")
    def receive() -> None: ...

    post_webhook(TestClient(application), "/hook", "github", {})
    assert captured.last.processing is None
    assert "no mark asked for" in str(captured.last)


def record(path: str = "/hook", **known: Any) -> Record:
    return Record("stripe", Redactor(), "POST", path, None, Headers(), time.time_ns(), **known)


def test_two_spans_of_one_request_are_two_also_without_an_sdk(captured: Webhooks) -> None:
    telemetry = Telemetry(trace.NoOpTracerProvider())
    outer, inner = record(), record()
    telemetry.start(outer)
    assert outer.span is not None
    with trace.use_span(outer.span):
        telemetry.start(inner)
        telemetry.finish(inner)
    telemetry.finish(outer)
    assert len(captured) == 2
    first, second = (delivery.span for delivery in captured)
    assert second.parent == first.context


def test_a_delivery_that_is_not_sampled_is_seen(captured: Webhooks) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    telemetry = Telemetry(provider)
    given = record(status=200, processing="completed")
    telemetry.start(given)
    telemetry.finish(given)
    assert (captured.last.outcome, captured.last.status, captured.last.processing) == (
        "accepted",
        200,
        "completed",
    )
    assert given.span is not None
    assert not given.span.get_span_context().trace_flags.sampled


def test_a_delivery_whose_span_another_maker_wraps_is_seen(captured: Webhooks) -> None:
    class Wrapped(trace.NonRecordingSpan):
        """Records, and is no span of the SDK."""

        said: ClassVar[dict[str, Any]] = {}

        def is_recording(self) -> bool:
            return True

        def set_attributes(self, attributes: Any) -> None:
            self.said.update(attributes)

    class Tracer(trace.NoOpTracer):
        def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:
            return Wrapped(trace.SpanContext(1, 2, is_remote=False))

    class Provider(trace.TracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
            return Tracer()

    telemetry = Telemetry(Provider())
    given = record(status=500, outcome="error")
    telemetry.start(given)
    telemetry.finish(given)
    assert captured.last.outcome == "error"
    assert captured.last.explanation == "answered 500"
    assert Wrapped.said["outworx.webhook.outcome"] == "error"


def test_a_request_that_never_became_a_delivery_is_seen(captured: Webhooks) -> None:
    lost = record("/hok", status=404, outcome="unrouted")
    lost.provider = "acme"  # of which no other test reports ten in this second
    Telemetry(trace.NoOpTracerProvider()).report(lost)
    assert (captured.last.outcome, captured.last.path, captured.last.explanation) == (
        "unrouted",
        "/hok",
        None,
    )
    assert str(captured.last) == "acme /hok: answered 404, unrouted"
