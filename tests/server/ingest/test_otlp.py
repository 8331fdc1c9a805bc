"""OTLP/HTTP by the specification: both formats, compression, and every answer."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.exports import JSON, PROTOBUF, WEBHOOK, as_json, counter, span, traces, zipped
from support.staged_store import StagedStore

from outworx_otel.server.ingest.otlp_wire import MAX_PART_BYTES
from outworx_otel.telemetry import semconv

from .serving import Serving

PATHS = ("/v1/traces", "/api/ingest/v1/traces")
FORMATS = (PROTOBUF, JSON)


def encoded(request: ExportTraceServiceRequest, format: dict[str, str]) -> bytes:
    return request.SerializeToString() if format is PROTOBUF else as_json(request)


def answered(body: bytes, format: dict[str, str]) -> ExportTraceServiceResponse:
    from google.protobuf import json_format

    if format is PROTOBUF:
        return ExportTraceServiceResponse.FromString(body)
    return json_format.Parse(body, ExportTraceServiceResponse())


def failed(body: bytes, format: dict[str, str]) -> str:
    if format is PROTOBUF:
        return Status.FromString(body).message
    return json.loads(body)["message"]


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("path", PATHS)
def test_a_webhook_span_is_listed_once_its_export_is_answered(
    server: Serving, path: str, compressed: bool, format: dict[str, str]
) -> None:
    body, headers = encoded(traces([span()]), format), {}
    if compressed:
        body, headers = zipped(body)
    answer = server.post(path, body, format, headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == format["content-type"]
    assert not answered(answer.content, format).HasField("partial_success")
    (delivery,) = server.deliveries()
    assert delivery["provider"] == "stripe"
    assert delivery["event.type"] == "charge.succeeded"
    assert delivery["outcome"] == "accepted"


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
def test_everything_of_a_span_is_kept(server: Serving, format: dict[str, str]) -> None:
    made = span(
        attributes={**WEBHOOK, "http.request.header.x-a": ["1", "2"], semconv.SIGNATURE_AGE: 0.25},
        parent_span_id=b"parent__",
        kind=Span.SPAN_KIND_CONSUMER,
        links=[Span.Link(trace_id=b"l" * 16, span_id=b"L" * 8)],
    )
    made.events.add(name="exception", time_unix_nano=made.start_time_unix_nano + 1)
    made.status.message = "no"
    server.post("/v1/traces", encoded(traces([made]), format), format)
    stored = server.app._store.delivery(server.deliveries()[0]["id"])
    assert stored.trace_id == made.trace_id.hex()
    assert stored.span_id == made.span_id.hex()
    assert stored.parent_span_id == b"parent__".hex()
    assert (stored.time_ns, stored.duration_ns) == (made.start_time_unix_nano, 5_000_000)
    assert stored.service == "shop"
    assert stored.status_message == "no"
    assert stored.attributes["http.request.header.x-a"] == ["1", "2"]
    assert stored.attributes[semconv.SIGNATURE_AGE] == 0.25
    assert stored.resource == {"service.name": "shop"}
    assert [(link.trace_id, link.span_id) for link in stored.links] == [((b"l" * 16).hex(), (b"L" * 8).hex())]
    assert [event.name for event in stored.events] == ["exception"]


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trace_id": b"short"}, "trace id"),
        ({"trace_id": bytes(16)}, "trace id"),
        ({"span_id": b""}, "span id"),
        ({"span_id": bytes(8)}, "span id"),
    ],
)
def test_an_unusable_span_is_told_and_costs_the_others_nothing(
    server: Serving, wrong: dict[str, object], said: str, format: dict[str, str]
) -> None:
    bad, good = span(), span()
    for name, value in wrong.items():
        setattr(bad, name, value)
    answer = server.post("/v1/traces", encoded(traces([bad, good]), format), format)
    assert answer.status_code == 200
    partial = answered(answer.content, format).partial_success
    assert partial.rejected_spans == 1
    assert said in partial.error_message
    (delivery,) = server.deliveries()
    assert delivery["span_id"] == good.span_id.hex()


def test_ids_that_are_no_hexadecimal_cost_their_span_alone(server: Serving) -> None:
    good = span()
    document = json.loads(as_json(traces([span(), good])))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "not hexadecimal"
    answer = server.post("/v1/traces", json.dumps(document).encode(), JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert [one["span_id"] for one in server.deliveries()] == [good.span_id.hex()]


def test_json_is_read_as_the_specification_says(server: Serving) -> None:
    document = json.loads(as_json(traces([span()])))
    shown = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    shown["traceId"] = shown["traceId"].upper()
    shown["kind"] = 5
    shown["startTimeUnixNano"] = int(shown["startTimeUnixNano"])
    shown["nobodyKnowsThis"] = {"deep": [1, {"er": None}]}
    document["future"] = True
    answer = server.post(
        "/v1/traces", json.dumps(document).encode(), {"content-type": "Application/JSON; charset=utf-8"}
    )
    assert answer.status_code == 200
    assert server.deliveries()[0]["trace_id"] == shown["traceId"].lower()


def test_a_batch_sent_again_is_kept_once(server: Serving) -> None:
    body = traces([span(), span()]).SerializeToString()
    assert [server.post("/v1/traces", body, PROTOBUF).status_code for _ in range(3)] == [200] * 3
    assert len(server.deliveries()) == 2


@pytest.mark.parametrize("path", [*PATHS, "/v1/metrics", "/api/ingest/v1/metrics"])
@pytest.mark.parametrize(
    ("body", "format"),
    [
        (b"\xff\xff\xff", PROTOBUF),
        (b"{", JSON),
        (b"[]", JSON),
        (b'{"resourceSpans":5,"resourceMetrics":5}', JSON),
    ],
)
def test_what_cannot_be_decoded_is_a_400(
    shared: Serving, path: str, body: bytes, format: dict[str, str]
) -> None:
    answer = shared.post(path, body, format)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == format["content-type"]
    assert "Request" in failed(answer.content, format)


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
def test_an_empty_export_is_a_success(shared: Serving, format: dict[str, str]) -> None:
    for path in ("/v1/traces", "/v1/metrics"):
        assert shared.post(path, encoded(ExportTraceServiceRequest(), format), format).status_code == 200


@pytest.mark.parametrize("given", ["text/plain", "application/xml", "", "application/x-protobufs"])
def test_another_content_type_is_a_415_that_names_the_two(shared: Serving, given: str) -> None:
    answer = shared.post("/v1/traces", b"", {"content-type": given})
    assert answer.status_code == 415
    assert "application/x-protobuf" in answer.text
    assert "application/json" in answer.text


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
def test_logs_are_a_404_that_says_what_to_set(shared: Serving, format: dict[str, str]) -> None:
    answer = shared.post("/v1/logs", b"", format)
    assert answer.status_code == 404
    assert "OTEL_LOGS_EXPORTER" in failed(answer.content, format)


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
def test_a_body_over_the_limit_is_a_413(serve: Callable[..., Serving], format: dict[str, str]) -> None:
    server = serve(max_request_bytes=1000)
    for sent in (b"x" * 1001, iter([b"x" * 600] * 2)):
        answer = server.client.post("/v1/traces", content=sent, headers=format)
        assert answer.status_code == 413
        assert "1000 bytes" in failed(answer.content, format)


def test_a_bomb_is_stopped_while_it_goes_off(serve: Callable[..., Serving]) -> None:
    server = serve(max_decoded_bytes=1_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(500)) + packer.flush()
    assert len(bomb) < 1_000_000
    answer = server.post("/v1/traces", bomb, PROTOBUF, {"content-encoding": "gzip"})
    assert answer.status_code == 413
    assert "decompressed" in failed(answer.content, PROTOBUF)


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
def test_more_spans_than_a_request_may_have_are_a_413(
    server: Serving, monkeypatch: pytest.MonkeyPatch, format: dict[str, str]
) -> None:
    monkeypatch.setattr("outworx_otel.server.ingest.span_sorting.MAX_SPANS", 3)
    assert server.post("/v1/traces", encoded(traces([span()] * 3), format), format).status_code == 200
    answer = server.post("/v1/traces", encoded(traces([span()] * 4), format), format)
    assert answer.status_code == 413
    assert "smaller batches" in failed(answer.content, format)


def test_a_span_of_too_many_parts_costs_itself_alone(server: Serving) -> None:
    crowded, good = span(attributes={}), span()
    for _ in range(10_001):
        crowded.events.add()
    answer = server.post("/v1/traces", traces([crowded, good]).SerializeToString(), PROTOBUF)
    assert answered(answer.content, PROTOBUF).partial_success.rejected_spans == 1
    assert [one["span_id"] for one in server.deliveries()] == [good.span_id.hex()]


def test_a_span_that_would_be_gigabytes_in_memory_costs_itself_alone(server: Serving) -> None:
    # An empty value has two bytes.
    large, good = span(attributes={"list": [None] * (MAX_PART_BYTES // 2)}), span()
    body = gzip.compress(traces([large, good]).SerializeToString(), 1)
    answer = server.post("/v1/traces", body, PROTOBUF, {"content-encoding": "gzip"})
    assert answered(answer.content, PROTOBUF).partial_success.rejected_spans == 1
    assert [one["span_id"] for one in server.deliveries()] == [good.span_id.hex()]


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"x" * 100)[:-9], "gzip", 400),
        (gzip.compress(b"") + b"trailing", "gzip", 400),
        (b"", "br", 415),
        (b"", "gzip, gzip", 415),
    ],
    ids=["no gzip", "cut short", "trailing bytes", "brotli", "twice"],
)
def test_what_cannot_be_decompressed_is_told(
    shared: Serving, body: bytes, encoding: str, status: int
) -> None:
    answer = shared.post("/v1/traces", body, PROTOBUF, {"content-encoding": encoding})
    assert answer.status_code == status
    assert encoding in failed(answer.content, PROTOBUF)


def test_gzip_of_several_members_and_deflate_are_read(server: Serving) -> None:
    body = traces([span()]).SerializeToString()
    members = gzip.compress(body[:50]) + gzip.compress(body[50:])
    assert server.post("/v1/traces", members, PROTOBUF, {"content-encoding": "gzip"}).status_code == 200
    body = traces([span()]).SerializeToString()
    assert (
        server.post("/v1/traces", zlib.compress(body), PROTOBUF, {"content-encoding": "deflate"}).status_code
        == 200
    )
    assert len(server.deliveries()) == 2


@pytest.mark.parametrize("format", FORMATS, ids=["protobuf", "json"])
def test_a_server_that_holds_too_much_says_when_to_come_again(
    staged: Serving, store: StagedStore, format: dict[str, str]
) -> None:
    from outworx_otel.server.store import StoreBusy

    store.faults["write"] = StoreBusy()
    request = traces([span()])
    answer = staged.post("/v1/traces", encoded(request, format), format)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert failed(answer.content, format)
    store.faults.clear()
    assert staged.post("/v1/traces", encoded(request, format), format).status_code == 200
    assert len(staged.deliveries()) == 1


def test_metrics_are_answered_as_metrics(server: Serving) -> None:
    answer = server.post("/v1/metrics", as_json(counter(-1)), JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
