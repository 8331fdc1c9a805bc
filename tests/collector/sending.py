"""Requests as applications send them to a collector, posted by hand: so a test knows what was acknowledged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from support.exports import PROTOBUF, WEBHOOK, span, traces
from support.receiver import Receiver
from support.sender import NO_CERTIFICATES

from outworx_otel.telemetry import semconv

OF_OTHERS = "opentelemetry.instrumentation.fastapi"
ACCEPTED: Mapping[str, Any] = {**WEBHOOK, semconv.OUTCOME: "accepted"}


def delivery(
    attributes: Mapping[str, Any] = {},  # read only
    *,
    error: bool = False,
    milliseconds: float = 5,
    **fields: Any,
) -> Span:
    """The span of one delivery, accepted unless its attributes say otherwise."""
    start = time.time_ns()
    if error:
        fields["status"] = Status(code=Status.STATUS_CODE_ERROR, message="it failed")
    ended = start + int(milliseconds * 1e6)
    return span(
        attributes={**ACCEPTED, **attributes}, start_ns=start, kind=5, end_time_unix_nano=ended, **fields
    )


def post(url: str, request: ExportTraceServiceRequest, client: httpx.Client | None = None) -> int:
    """The status that one request was answered with; 0 where nobody answered."""
    with contextlib.ExitStack() as stack:
        client = client or stack.enter_context(httpx.Client(verify=NO_CERTIFICATES))
        with contextlib.suppress(httpx.TransportError):
            return client.post(
                f"{url}/v1/traces", content=request.SerializeToString(), headers=PROTOBUF, timeout=30
            ).status_code
    return 0


def post_by_grpc(port: int, request: ExportTraceServiceRequest) -> None:
    """The same to a port of gRPC; raises where it is refused."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        services.TraceServiceStub(channel).Export(request, timeout=30)


def send(url: str, spans: Sequence[Span], scope: str = semconv.SCOPE, each: int = 20) -> set[bytes]:
    """Posts spans, so many in each request; the ids of those that were acknowledged."""
    acknowledged: set[bytes] = set()
    with httpx.Client(verify=NO_CERTIFICATES) as client:
        for first in range(0, len(spans), each):
            some = spans[first : first + each]
            if post(url, traces(some, scope), client) == 200:
                acknowledged |= {one.span_id for one in some}
    return acknowledged


def arrived(receiver: Receiver) -> list[Span]:
    """Every span that came to a receiver, in the order in which they came."""
    return [one for call in list(receiver.calls) for one in call.spans()]


def ids(spans: Iterable[Span]) -> set[bytes]:
    return {one.span_id for one in spans}
