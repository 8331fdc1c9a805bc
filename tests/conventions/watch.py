"""Holds every span, metric and log record of ours that a test keeps, or that its receiver gets, against `model/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from .registry import registry

SCOPE = "outworx_otel"
# Found since the last test ended; a processor that raises would only be logged.
_faults: list[str] = []


def found_faults() -> list[str]:
    """What was found since this was called last, each once."""
    found = sorted(set(_faults))
    _faults.clear()
    return found


def look_at_span(span: ReadableSpan) -> None:
    """Holds a span of ours against the registry."""
    scope = span.instrumentation_scope
    if scope is None or scope.name != SCOPE or span.dropped_attributes:  # which an operator's limit cuts off
        return
    events = [(event.name, event.attributes or {}) for event in span.events]
    _faults.extend(registry().faults_of_span(span.name, span.kind.name, span.attributes or {}, events))


class KeptSpans(InMemorySpanExporter):
    """Keeps spans, and holds those of ours against the registry."""

    def export(self, spans: Iterable[ReadableSpan]) -> SpanExportResult:
        given = list(spans)
        for span in given:
            look_at_span(span)
        return super().export(given)


def look_at_metrics(data: MetricsData | None) -> MetricsData | None:
    """Holds metrics of ours against the registry; returns what it was given."""
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics if scope.scope.name == SCOPE else ():
                points = [point.attributes or {} for point in metric.data.data_points]
                _faults.extend(registry().faults_of_metric(metric.name, metric.unit or "", points))
    return data


def look_at_event(name: str, attributes: Mapping[str, Any] | None) -> None:
    """Holds a log record of ours against the registry."""
    _faults.extend(registry().faults_of_event(name, attributes or {}))


def look_at_export(path: str, body: bytes) -> None:
    """Holds what arrived at a receiver of OTLP/HTTP against the registry."""
    if path.endswith("/v1/traces"):
        for scope in _scopes(ExportTraceServiceRequest.FromString(body).resource_spans, "scope_spans"):
            for span in (one for one in scope.spans if not one.dropped_attributes_count):
                kind = span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")
                events = [(event.name, _told(event)) for event in span.events]
                _faults.extend(registry().faults_of_span(span.name, kind, _told(span), events))
    if path.endswith("/v1/metrics"):
        for scope in _scopes(ExportMetricsServiceRequest.FromString(body).resource_metrics, "scope_metrics"):
            for metric in scope.metrics:
                points = getattr(metric, metric.WhichOneof("data")).data_points
                _faults.extend(registry().faults_of_metric(metric.name, metric.unit, map(_told, points)))


def _scopes(resources: Iterable[Any], field: str) -> Iterator[Any]:
    for resource in resources:
        yield from (scope for scope in getattr(resource, field) if scope.scope.name == SCOPE)


def _told(holder: Any) -> dict[str, Any]:
    """The attributes of a span, an event or a data point off the wire."""
    return {pair.key: _value(pair.value) for pair in holder.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
