"""OpenTelemetry as every variant finds it: spans are recorded and then dropped, metrics are aggregated."""

from __future__ import annotations

from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

SET_UP = (
    "TracerProvider with the default sampler and a processor that drops finished spans (no exporter, no thread); "
    "MeterProvider with an in-memory reader that is never read; the same in every variant"
)


class LastSpan(SpanProcessor):
    """Keeps the span that ended last, so that variants can be checked against each other, and drops the rest."""

    def __init__(self) -> None:
        self.span: ReadableSpan | None = None
        self.count = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.span = span
        self.count += 1

    def attributes(self) -> dict[str, Any]:
        """What the last span carried; nothing where none ended."""
        return dict(self.span.attributes or {}) if self.span is not None else {}


def provide() -> LastSpan:
    """Sets the global providers of this process."""
    last = LastSpan()
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(last)
    trace.set_tracer_provider(tracer_provider)
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    return last
