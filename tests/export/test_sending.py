"""What goes over the wire, and what is made of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer
from support.receiver import Call, Receiver, Reply

from outworx_otel.errors import ExportError
from outworx_otel.export import OutworxSpanExporter, OutworxSpanProcessor

from .scene import QUICK, deliver

KEY = "ohk_not_for_logs"
Receive = Callable[..., Receiver]
Tracing = Callable[..., Tracer]


def test_spans_go_out_as_gzipped_protobuf_with_the_key(receive: Receive, tracing: Tracing) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    deliver(tracing(processor), 1000)
    assert processor.force_flush()
    assert len(receiver.span_names()) == len(set(receiver.span_names())) == 1000
    for call in receiver.calls:
        assert call.path == "/v1/traces"
        assert call.headers["authorization"] == f"Bearer {KEY}"
        assert call.headers["content-type"] == "application/x-protobuf"
        assert call.headers["content-encoding"] == "gzip"
        assert call.headers["user-agent"].startswith("outworx-otel/")
        assert len(list(call.spans())) <= 512


def test_without_a_key_there_is_no_authorization_not_even_from_netrc(
    receive: Receive, tracing: Tracing, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:  # noqa: PTH123
        file.write("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", netrc)
    receiver = receive()
    for key in (None, KEY):
        processor = OutworxSpanProcessor(key, receiver.endpoint)
        deliver(tracing(processor))
        assert processor.force_flush()
    assert [call.headers.get("authorization") for call in receiver.calls] == [None, f"Bearer {KEY}"]


def test_only_webhook_spans_are_exported(receive: Receive, tracing: Tracing) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    deliver(tracing(processor, "fastapi"), 5, "other")
    deliver(tracing(processor), 2)
    exporter = OutworxSpanExporter("second", receiver.endpoint)
    batch = BatchSpanProcessor(exporter)
    deliver(tracing(batch, "django"), 5, "other")
    deliver(tracing(batch), 1, "exported")
    assert processor.force_flush()
    assert batch.force_flush()
    assert sorted(receiver.span_names()) == ["exported 0", "webhook 0", "webhook 1"]


def test_headers_for_another_vendor_are_sent_to_the_standard_endpoint_only(
    receive: Receive, tracing: Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = receive(), receive()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", theirs.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor-key=theirs,authorization=Basic%20abc")
    for processor in (OutworxSpanProcessor(KEY, ours.endpoint), OutworxSpanProcessor()):
        deliver(tracing(processor))
        assert processor.force_flush()
    assert "x-vendor-key" not in ours.calls[0].headers
    assert ours.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert theirs.calls[0].headers["x-vendor-key"] == "theirs"
    assert theirs.calls[0].headers["authorization"] == "Basic abc"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_said_and_never_followed_with_the_key(
    status: int, receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = receive()
    receiver = receive(lambda call, index: Reply(status, {"location": f"{elsewhere.endpoint}/v1/traces"}))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    deliver(tracing(processor), 3)
    assert processor.force_flush()
    assert elsewhere.calls == []
    assert len(receiver.calls) == 1
    assert "dropped spans" in caplog.text
    assert f"a redirect to {elsewhere.endpoint}" in caplog.text


@pytest.mark.parametrize("media", ["application/x-protobuf", "application/json"])
def test_spans_rejected_by_a_partial_success_are_counted_and_said(
    media: str, receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    message = ExportTraceServiceResponse()
    message.partial_success.rejected_spans = 2
    message.partial_success.error_message = "too old\x1b[31m"
    body = message.SerializeToString()
    if media == "application/json":
        body = b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old\\u001b[31m"}}'
    receiver = receive(lambda call, index: Reply(200, {"content-type": media}, body))
    errors: list[Exception] = []
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, on_error=errors.append)
    deliver(tracing(processor), 3)
    assert processor.force_flush()
    assert len(receiver.calls) == 1
    assert "2 (rejected by the receiver: too old [31m)" in caplog.text
    assert [type(error) for error in errors] == [ExportError]


def test_an_answer_that_is_no_otlp_message_is_full_success(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [
        ("application/x-protobuf", b"\xff\xff"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'{"unknown": ' + b"[" * 100_000),
        ("application/json", b'{"partialSuccess": {"errorMessage": "\xff"}}'),
    ]
    bodies += [("text/html", b"<html>"), ("application/json", b'{"partialSuccess": {"rejectedSpans": "x"}}')]
    receiver = receive(lambda call, index: Reply(200, {"content-type": bodies[index][0]}, bodies[index][1]))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    tracer = tracing(processor)
    for _ in bodies:
        deliver(tracer)
        assert processor.force_flush()
    assert len(receiver.calls) == len(bodies)
    assert caplog.text == ""


def test_another_4xx_drops_the_batch_counts_it_and_goes_on(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    def script(call: Call, index: int) -> Reply:
        return Reply(400, {"content-type": "text/plain"}, b"bad span") if index == 0 else Reply()

    receiver = receive(script)
    errors: list[Exception] = []
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, on_error=errors.append)
    tracer = tracing(processor)
    deliver(tracer, 4, "lost")
    assert processor.force_flush()
    deliver(tracer, 1, "kept")
    assert processor.force_flush()
    assert [name for name in receiver.span_names() if name.startswith("kept")] == ["kept 0"]
    assert len(receiver.calls) == 2
    assert "dropped spans" in caplog.text
    assert "4 (HTTP 400" in caplog.text
    assert "bad span" in str(errors[0])


def test_a_batch_that_is_too_large_for_the_receiver_is_sent_in_parts(
    receive: Receive, tracing: Tracing
) -> None:
    accepted: list[str] = []

    def at_most_three(call: Call, index: int) -> Reply:
        names = [span.name for span in call.spans()]
        if len(names) > 3:
            return Reply(413)
        accepted.extend(names)
        return Reply()

    processor = OutworxSpanProcessor(KEY, receive(at_most_three).endpoint)
    deliver(tracing(processor), 10)
    assert processor.force_flush()
    assert sorted(accepted) == sorted(f"webhook {number}" for number in range(10))


def test_the_key_is_in_no_log_line_and_no_error(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    echo = {"content-type": "text/plain"}
    statuses = [503, 503, 400, 401]

    def script(call: Call, index: int) -> Reply:
        return Reply(statuses[min(index, 3)], echo, f"no: {call.headers['authorization']}".encode())

    errors: list[Exception] = []
    processor = OutworxSpanProcessor(
        KEY, receive(script).endpoint, on_error=errors.append, debug=True, retry_policy=QUICK
    )
    tracer = tracing(processor)
    with caplog.at_level(logging.DEBUG, "outworx_otel"):
        for _ in range(2):
            deliver(tracer)
            processor.force_flush(3000)
    assert "[key]" in caplog.text
    assert len(errors) == 3
    for text in (caplog.text, repr(errors), repr(processor.destination)):
        assert KEY not in text


def test_an_on_error_that_raises_is_logged_and_swallowed(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(error: Exception) -> None:
        raise RuntimeError("mine")

    receiver = receive(lambda call, index: Reply(400 if index == 0 else 200))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, on_error=broken)
    tracer = tracing(processor)
    for _ in range(2):
        deliver(tracer)
        assert processor.force_flush()
    assert len(receiver.calls) == 2
    assert "on_error raised" in caplog.text


def test_an_on_error_that_flushes_or_shuts_down_does_not_lock_up(receive: Receive, tracing: Tracing) -> None:
    answers: list[bool] = []

    def reentrant(error: Exception) -> None:
        answers.append(processor.force_flush())
        processor.shutdown()

    processor = OutworxSpanProcessor(
        KEY, receive(lambda call, index: Reply(400)).endpoint, on_error=reentrant
    )
    deliver(tracing(processor))
    assert processor.force_flush(5000)
    assert answers == [False]


def test_debug_says_one_line_per_delivered_batch(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    processor = OutworxSpanProcessor(KEY, receive().endpoint, debug=True)
    with caplog.at_level(logging.INFO, "outworx_otel"):
        deliver(tracing(processor), 7)
        assert processor.force_flush()
    assert [record.message.split(" to ")[0] for record in caplog.records] == ["delivered 7 spans"]


def test_our_own_requests_are_not_instrumented(
    receive: Receive, tracing: Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpcore
    from opentelemetry.instrumentation.utils import is_instrumentation_enabled

    enabled: list[bool] = []
    send = httpcore.ConnectionPool.handle_request

    def watched(*args: object, **kwargs: object) -> object:
        enabled.append(is_instrumentation_enabled())
        return send(*args, **kwargs)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", watched)
    processor = OutworxSpanProcessor(KEY, receive().endpoint)
    deliver(tracing(processor))
    assert processor.force_flush()
    assert enabled == [False]
