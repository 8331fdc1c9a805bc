"""The small receiver: what the SDK's exporter sends is what it says has arrived."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode
from otlp_receiver import Receiver

KEY = "ohk_right"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(api_key=KEY) as running:
        yield running


def post(receiver: Receiver, path: str, body: bytes = b"", **headers: str) -> int:
    given = {"content-type": "application/x-protobuf", "authorization": f"Bearer {KEY}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(receiver.endpoint + path, body, given)  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_webhook_spans_arrive_with_all_they_say_and_others_are_left_out(receiver: Receiver) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "payments"}))
    exporter = OTLPSpanExporter(
        f"{receiver.endpoint}/v1/traces", headers=HEADERS, compression=Compression.Gzip
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("fastapi").start_as_current_span("POST /webhooks/stripe"):
        span = provider.get_tracer("outworx_otel").start_span(
            "webhook stripe", attributes={"text": "a", "number": 3, "flag": True, "list": ("x", "y")}
        )
        span.set_status(Status(StatusCode.ERROR, "rejected: hmac_mismatch"))
        span.end()
    provider.shutdown()

    assert receiver.wait_for(lambda: len(receiver.spans()) == 1, 5)
    [arrived] = receiver.spans()
    assert (arrived.service, arrived.name) == ("payments", "webhook stripe")
    assert arrived.attributes == {"text": "a", "number": 3, "flag": True, "list": ["x", "y"]}
    assert arrived.is_error
    assert arrived.status_message == "rejected: hmac_mismatch"
    assert arrived.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert len(arrived.parent_span_id) == 16


def test_deltas_of_a_counter_add_up(receiver: Receiver) -> None:
    exporter = OTLPMetricExporter(
        f"{receiver.endpoint}/v1/metrics",
        headers=HEADERS,
        preferred_temporality={Counter: AggregationTemporality.DELTA},
    )
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 60_000)])
    counter = provider.get_meter("outworx_otel").create_counter("deliveries")
    counter.add(2, {"provider": "stripe"})
    provider.force_flush()
    counter.add(3, {"provider": "github"})
    provider.shutdown()

    assert receiver.total("deliveries") == 5


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/traces", b"", {}, 200),
        ("/api/ingest/v1/traces", gzip.compress(b""), {"content_encoding": "gzip"}, 200),
        ("/v1/traces", b"", {"authorization": "Bearer ohk_wrong"}, 401),
        ("/v1/traces", b"", {"authorization": "Bearer \xe9"}, 401),
        ("/v1/logs", b"", {}, 404),
        ("/v1/traces", b"{}", {"content_type": "application/json"}, 415),
        ("/v1/traces", b"no protobuf", {}, 400),
        ("/v1/traces", b"no gzip", {"content_encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(b"cut off")[:-4], {"content_encoding": "gzip"}, 400),
    ],
)
def test_what_is_not_understood_is_answered_as_otlp_says(
    receiver: Receiver, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert post(receiver, path, body, **headers) == status


def test_waiting_ends_when_nothing_comes(receiver: Receiver) -> None:
    assert not receiver.wait_for(lambda: bool(receiver.spans()), 0.05)
