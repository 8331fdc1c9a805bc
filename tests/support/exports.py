"""OTLP requests as exporters make them, and as nobody should."""

from __future__ import annotations

import gzip
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from outworx_otel.telemetry import semconv

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
WEBHOOK: Mapping[str, Any] = {
    semconv.PROVIDER: "stripe",
    semconv.HTTP_METHOD: "POST",
    semconv.URL_PATH: "/webhooks/stripe",
    semconv.HTTP_ROUTE: "/webhooks/stripe",
    semconv.HTTP_STATUS: 200,
    semconv.EVENT_TYPE: "charge.succeeded",
}


def any_value(value: Any) -> AnyValue:
    """Python's value as OTLP's."""
    match value:
        case None:
            return AnyValue()
        case AnyValue():
            return value
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            wrapped = AnyValue()
            wrapped.array_value.SetInParent()
            wrapped.array_value.values.extend(any_value(item) for item in value)
            return wrapped
        case dict():
            wrapped = AnyValue()
            wrapped.kvlist_value.SetInParent()
            put(wrapped.kvlist_value.values, value)
            return wrapped
    return AnyValue(string_value=value)


def put(pairs: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        pairs.add(key=name).value.CopyFrom(any_value(value))


def span(
    name: str = "webhook stripe",
    attributes: Mapping[str, Any] = WEBHOOK,
    *,
    trace: bytes | None = None,
    start_ns: int | None = None,
    **fields: Any,
) -> Span:
    """One finished span, of a trace of its own unless one is given."""
    start_ns = time.time_ns() if start_ns is None else start_ns
    made = Span(
        **{
            "trace_id": secrets.token_bytes(16) if trace is None else trace,
            "span_id": secrets.token_bytes(8),
            "name": name,
            "start_time_unix_nano": start_ns,
            "end_time_unix_nano": min(start_ns + 5_000_000, 2**64 - 1),
            **fields,
        }
    )
    put(made.attributes, attributes)
    return made


def traces(
    spans: Iterable[Span], scope: str = semconv.SCOPE, service: Any = "shop"
) -> ExportTraceServiceRequest:
    """A request of one resource and scope."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    put(resource_spans.resource.attributes, {"service.name": service})
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    scope_spans.spans.extend(spans)
    return request


def both(*requests: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Several requests as one."""
    merged = ExportTraceServiceRequest()
    for request in requests:
        merged.MergeFrom(request)
    return merged


def counter(
    value: float,
    attributes: Mapping[str, Any] = {},  # read only
    *,
    cumulative: bool = False,
    start_ns: int = 0,
    time_ns: int | None = None,
    name: str = semconv.METRIC_DELIVERIES,
    service: str = "shop",
) -> ExportMetricsServiceRequest:
    """One data point of a counter."""
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    put(resource_metrics.resource.attributes, {"service.name": service})
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name = semconv.SCOPE
    metric = scope_metrics.metrics.add(name=name)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        if cumulative
        else AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    )
    point = metric.sum.data_points.add(
        start_time_unix_nano=start_ns, time_unix_nano=time.time_ns() if time_ns is None else time_ns
    )
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    put(
        point.attributes,
        {semconv.PROVIDER: "stripe", semconv.OUTCOME: "accepted", semconv.HTTP_ROUTE: "/hook", **attributes},
    )
    return request


def as_json(request: Any) -> bytes:
    """By the specification: ids in hexadecimal, enums as numbers."""
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    for resource_spans, kept in zip(
        document.get("resourceSpans", ()), getattr(request, "resource_spans", ()), strict=True
    ):
        for scope_spans, kept_scope in zip(resource_spans["scopeSpans"], kept.scope_spans, strict=True):
            for shown, real in zip(scope_spans.get("spans", ()), kept_scope.spans, strict=True):
                shown |= {"traceId": real.trace_id.hex(), "spanId": real.span_id.hex()}
                if real.parent_span_id:
                    shown["parentSpanId"] = real.parent_span_id.hex()
                for link, real_link in zip(shown.get("links", ()), real.links, strict=True):
                    link |= {"traceId": real_link.trace_id.hex(), "spanId": real_link.span_id.hex()}
    return json.dumps(document).encode()


def zipped(body: bytes) -> tuple[bytes, dict[str, str]]:
    return gzip.compress(body), {"content-encoding": "gzip"}
