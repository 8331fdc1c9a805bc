"""What `OTEL_TRACES_EXPORTER=outworx` and `OTEL_METRICS_EXPORTER=outworx` name.

An exporter that raises while the SDK makes it aborts `opentelemetry-instrument` before any instrumentor is
loaded, and with them goes the verification of signatures. So a setting that cannot be used is logged here, and
costs telemetry only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from outworx_otel.errors import ConfigurationError
from outworx_otel.export.metrics import TEMPORALITY, OutworxMetricExporter
from outworx_otel.export.spans import OutworxSpanExporter

Exporter = TypeVar("Exporter")

_logger = logging.getLogger("outworx_otel")


class NamedSpanExporter(SpanExporter):
    """`OutworxSpanExporter` as the environment describes it; idle where that cannot be used."""

    def __init__(self, **_settings: Any) -> None:
        self._exporter = _made(OutworxSpanExporter)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take over the webhook spans of a batch."""
        return SpanExportResult.FAILURE if self._exporter is None else self._exporter.export(spans)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until everything taken over is delivered or dropped; False if that takes longer."""
        return self._exporter is None or self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Send what is left, for at most about five seconds."""
        if self._exporter is not None:
            self._exporter.shutdown()


class NamedMetricExporter(MetricExporter):
    """`OutworxMetricExporter` as the environment describes it; idle where that cannot be used."""

    def __init__(self, **_settings: Any) -> None:
        super().__init__(preferred_temporality=dict(TEMPORALITY))
        self._exporter = _made(OutworxMetricExporter)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Take over our metrics."""
        if self._exporter is None:
            return MetricExportResult.FAILURE
        return self._exporter.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Wait until everything taken over is delivered or dropped; False if that takes longer."""
        return self._exporter is None or self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Send what is left, for at most about five seconds."""
        if self._exporter is not None:
            self._exporter.shutdown(timeout_millis, **kwargs)


def _made(exporter: Callable[[], Exporter]) -> Exporter | None:
    try:
        return exporter()
    except ConfigurationError as error:
        _logger.error("nothing is exported to Outworx: %s", error)
        return None
