"""Spans and metrics as they arrived at a receiver, decoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from support.receiver import Call, Receiver

WEBHOOK_SCOPE = "outworx_otel"
COUNTER = "outworx.webhook.deliveries"
TOO_LONG = 60.0


@dataclass(frozen=True)
class Span:
    """One span off the wire. Ids are in hex; `parent_id` is "" for a root."""

    scope: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    is_error: bool
    attributes: dict[str, Any]

    @property
    def is_webhook(self) -> bool:
        return self.scope == WEBHOOK_SCOPE

    @property
    def is_server(self) -> bool:
        return self.kind == "SERVER"

    def short(self, name: str) -> Any:
        """An attribute by its name without `outworx.webhook.`."""
        return self.attributes.get(f"outworx.webhook.{name}")


def spans(receiver: Receiver) -> list[Span]:
    """Every span that arrived so far."""
    return [span for call in list(receiver.calls) for span in _spans_of(call)]


def webhooks(receiver: Receiver) -> list[Span]:
    """Every webhook span that arrived so far."""
    return [span for span in spans(receiver) if span.is_webhook]


def await_spans(
    receiver: Receiver, count: int, wanted: Callable[[Span], bool] = lambda span: span.is_webhook
) -> list[Span]:
    """The spans that are `wanted`, once there are `count` of them; more are not waited for."""

    def found() -> list[Span]:
        return [span for span in spans(receiver) if wanted(span)]

    _wait(lambda: len(found()) >= count)
    arrived = found()
    assert len(arrived) == count, f"{len(arrived)} spans arrived, not {count}"
    return arrived


def metrics(receiver: Receiver) -> list[Metric]:
    """Every metric that arrived so far; none but ours may."""
    return [metric for call in list(receiver.calls) for metric in _metrics_of(call)]


def counted_deliveries(arrived: Sequence[Metric], reason: str | None = None) -> int:
    """What the counter's points (or those with a signature reason) add up to, as a back-end adds up deltas."""
    points = [point for metric in arrived if metric.name == COUNTER for point in metric.sum.data_points]
    return sum(
        point.as_int
        for point in points
        if reason is None or reason in [pair.value.string_value for pair in point.attributes]
    )


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + TOO_LONG
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)


def _spans_of(call: Call) -> Iterator[Span]:
    if call.path.endswith("/v1/traces"):
        for resource in ExportTraceServiceRequest.FromString(call.body).resource_spans:
            for scoped in resource.scope_spans:
                for span in scoped.spans:
                    yield _read(span, scoped.scope.name)


def _read(span: WireSpan, scope: str) -> Span:
    return Span(
        scope,
        span.name,
        WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.status.code == 2,
        {pair.key: _value(pair.value) for pair in span.attributes},
    )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def _metrics_of(call: Call) -> Iterator[Metric]:
    if call.path.endswith("/v1/metrics"):
        for resource in ExportMetricsServiceRequest.FromString(call.body).resource_metrics:
            for scoped in resource.scope_metrics:
                assert scoped.scope.name == WEBHOOK_SCOPE
                yield from scoped.metrics
