"""The exporters that the SDK loads by the name `outworx`, from the environment or from `OTEL_CONFIG_FILE`.

An exporter that raises while the SDK makes it aborts `opentelemetry-instrument` before any instrumentor is
loaded, and so no signature would be verified. A setting that cannot be used is therefore logged, and costs
telemetry only.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from outworx_otel.errors import ConfigurationError
from outworx_otel.export.metrics import TEMPORALITY, OutworxMetricExporter
from outworx_otel.export.spans import OutworxSpanExporter
from outworx_otel.process.loading import loaded

Exporter = TypeVar("Exporter")

_SETTINGS: Final = ("api_key", "endpoint", "timeout", "protocol", "debug")

_logger = logging.getLogger("outworx_otel")


class NamedSpanExporter(SpanExporter):
    """`OutworxSpanExporter` as the environment and the settings describe it; idle where these cannot be used."""

    def __init__(self, **settings: Any) -> None:
        self._exporter = _made(OutworxSpanExporter, settings)
        loaded("the span exporter outworx")

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
    """`OutworxMetricExporter` as the environment and the settings describe it; idle where these cannot be used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(preferred_temporality=dict(TEMPORALITY))
        self._exporter = _made(OutworxMetricExporter, settings)
        loaded("the metric exporter outworx")

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


def _made(exporter: Callable[..., Exporter], settings: dict[str, Any]) -> Exporter | None:
    """Makes the exporter. Where that fails, the error is logged and None returned.

    Args:
        exporter: its class.
        settings: what `OTEL_CONFIG_FILE` says of it, or what the SDK passes by itself (`preferred_temporality`).
    """
    given = {name: value for name, value in settings.items() if value is not None}
    unknown = [name for name in given if name not in _SETTINGS and not name.startswith("preferred_")]
    try:
        if unknown:
            raise ConfigurationError(f"OTEL_CONFIG_FILE, exporter outworx: {_unknown(unknown[0])}")
        return exporter(**{name: given[name] for name in _SETTINGS if name in given})
    except (ConfigurationError, TypeError, ValueError) as error:
        _logger.error("outworx: nothing is exported to Outworx: %s", error)
        return None


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _SETTINGS, 1, 0.5)
    return f"unknown setting {name!r}: " + (
        f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_SETTINGS)}"
    )
