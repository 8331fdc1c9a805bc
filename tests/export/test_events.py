"""The JSON events batch, for servers that know no OTLP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Status, StatusCode, Tracer
from support.receiver import Call, Receiver, Reply

from outworx_otel.export import OutworxSpanProcessor, event_of
from outworx_otel.telemetry import semconv

from .scene import QUICK, deliver

KEY = "ohk_1"
SECOND = 1_000_000_000
Receive = Callable[..., Receiver]
Tracing = Callable[..., Tracer]


def only_events(call: Call, index: int) -> Reply:
    return Reply() if call.path == "/api/ingest" else Reply(404)


@pytest.mark.parametrize("status", [404, 405, 415])
def test_a_server_without_otlp_gets_the_same_batch_as_events_and_that_is_said_once(
    status: int, receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receive(lambda call, index: Reply() if call.path == "/api/ingest" else Reply(status))
    processor = OutworxSpanProcessor(KEY, f"{receiver.endpoint}/api/ingest")
    tracer = tracing(processor)
    for _ in range(2):
        deliver(tracer, 3)
        assert processor.force_flush()
    assert [call.path for call in receiver.calls] == ["/api/ingest/v1/traces", "/api/ingest", "/api/ingest"]
    assert len(receiver.events()) == 6
    assert receiver.calls[1].headers["authorization"] == f"Bearer {KEY}"
    assert caplog.text.count("sent as JSON events") == 1


def test_a_404_from_a_server_that_took_otlp_before_does_not_demote_it(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receive(lambda call, index: Reply(404 if index == 1 else 200))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    tracer = tracing(processor)
    for _ in range(3):
        deliver(tracer)
        assert processor.force_flush()
    assert [call.path for call in receiver.calls] == ["/v1/traces"] * 3
    assert "dropped spans" in caplog.text


def test_protocol_otlp_never_changes(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receive(only_events)
    processor = OutworxSpanProcessor(KEY, f"{receiver.endpoint}/api/ingest", protocol="otlp")
    deliver(tracing(processor))
    assert processor.force_flush()
    assert len(receiver.calls) == 1
    assert "dropped spans" in caplog.text


def test_protocol_events_begins_with_events_and_is_retried_like_otlp(
    receive: Receive, tracing: Tracing
) -> None:
    receiver = receive(lambda call, index: Reply(503 if index == 0 else 200))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, protocol="events", retry_policy=QUICK)
    deliver(tracing(processor))
    assert processor.force_flush()
    assert [call.path for call in receiver.calls] == ["/", "/"]
    assert receiver.calls[1].events()[0]["provider"] == "stripe"


def span(
    *, start: int = 1_700_000_000 * SECOND, status: Status | None = None, **attributes: object
) -> ReadableSpan:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer(semconv.SCOPE)
    live = tracer.start_span("webhook stripe", start_time=start, attributes=attributes)  # type: ignore[arg-type] # any
    if status is not None:
        live.set_status(status)
    live.end(start + 12_345_678)
    assert isinstance(live, ReadableSpan)
    return live


def test_an_event_has_every_field_of_the_published_sdks_batch() -> None:
    event = event_of(
        span(
            **{
                semconv.PROVIDER: "stripe",
                semconv.EVENT_TYPE: "charge.succeeded",
                semconv.HTTP_METHOD: "POST",
                semconv.HTTP_STATUS: 200,
                semconv.HTTP_BODY_SIZE: 321,
                semconv.URL_PATH: "/webhooks/stripe",
                semconv.SIGNATURE_VALID: True,
                semconv.REQUEST_BODY: "{}",
                semconv.RESPONSE_BODY: "ok",
                f"{semconv.HTTP_REQUEST_HEADER_PREFIX}user-agent": ["Stripe", "1.0"],
                f"{semconv.METADATA_PREFIX}tenant": "acme",
            }
        )
    )
    assert event == {
        "provider": "stripe",
        "event_type": "charge.succeeded",
        "status_code": 200,
        "success": True,
        "duration_ms": 12.346,
        "payload_size": 321,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "source_url": "/webhooks/stripe",
        "signature_valid": True,
        "request_body": "{}",
        "response_body": "ok",
        "request_headers": {"user-agent": "Stripe, 1.0"},
        "metadata": {"tenant": "acme"},
    }


@pytest.mark.parametrize(
    ("description", "attributes", "message"),
    [
        ("boom", {}, "boom"),
        (None, {semconv.PROCESSING_REASON: "no stock"}, "no stock"),
        (None, {semconv.SIGNATURE_REASON: "hmac_mismatch"}, "hmac_mismatch"),
        (None, {semconv.ERROR_TYPE: "ValueError"}, "ValueError"),
        (None, {}, None),
    ],
)
def test_a_failed_delivery_says_why(
    description: str | None, attributes: dict[str, object], message: str | None
) -> None:
    given = {semconv.HTTP_METHOD: "POST", semconv.HTTP_STATUS: 200, **attributes}
    event = event_of(span(status=Status(StatusCode.ERROR, description), **given))
    assert event is not None
    assert event["success"] is False
    assert event.get("error_message") == message


def test_an_unanswered_delivery_is_a_500_and_a_process_span_is_no_event() -> None:
    event = event_of(span(**{semconv.HTTP_METHOD: "POST"}))
    assert event is not None
    assert (event["status_code"], event["success"], event["provider"]) == (500, False, "unknown")
    assert event_of(span(**{semconv.PROVIDER: "stripe"})) is None
