"""`OutworxMetricExporter`: the webhook metrics, as deltas, with the retention of the spans."""

from __future__ import annotations

import logging
from typing import Any, Final

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
)
from opentelemetry.sdk.metrics import UpDownCounter as _UpDownCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
)

from outworx_otel.export.batch_senders import MetricBatchSender, metrics_encoder
from outworx_otel.export.destination import Destination
from outworx_otel.export.export_queue import ExportQueue, QueueLimits
from outworx_otel.export.open_queues import EXIT_TIMEOUT
from outworx_otel.export.report import ExportReport, OnError
from outworx_otel.export.retry_policy import RetryPolicy
from outworx_otel.export.served_destinations import serve, stop_serving
from outworx_otel.telemetry.semconv import SCOPE

# Several workers report the same series: deltas add up, cumulative values overwrite each other.
TEMPORALITY: Final[dict[type, AggregationTemporality]] = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
    ObservableCounter: AggregationTemporality.DELTA,
    ObservableGauge: AggregationTemporality.CUMULATIVE,
    _UpDownCounter: AggregationTemporality.CUMULATIVE,
    ObservableUpDownCounter: AggregationTemporality.CUMULATIVE,
}
# A delta that is not kept is gone; an hour of them at the SDK's default interval is plenty.
_LIMITS: Final = QueueLimits(queue_items=60, queue_bytes=4 * 1024 * 1024, batch_items=1, delay=0.001)

_logger = logging.getLogger("outworx_otel")


class OutworxMetricExporter(MetricExporter):
    """Exports the metrics of scope `outworx_otel`: `OTEL_METRICS_EXPORTER=outworx`, or a reader of one's own.

    Arguments as in `OutworxSpanProcessor`. A receiver that is away does not block the reader: the
    request is kept and tried again by a thread of the exporter's own.
    """

    def __init__(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        *,
        timeout: int | None = None,
        protocol: str | None = None,
        on_error: OnError | None = None,
        debug: bool | None = None,
        destination: Destination | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        super().__init__(preferred_temporality=dict(TEMPORALITY))
        self.destination = destination or Destination.from_environment(
            api_key, endpoint, timeout=timeout, protocol=protocol, debug=debug
        )
        self._encode = metrics_encoder()
        report = ExportReport(self.destination, "metric requests", on_error)
        batch_sender = MetricBatchSender(self.destination, report)
        self._export_queue = ExportQueue[bytes](batch_sender, report, _LIMITS, retry_policy or RetryPolicy())
        self._stood_down = False
        serve(self.destination, self, "metrics")

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Take over our metrics; returns when they are delivered or the receiver is in trouble."""
        ours = _of_our_scope(metrics_data)
        if self._stood_down or not ours.resource_metrics:
            return MetricExportResult.SUCCESS
        try:
            payload = self._encode(ours)
        except Exception:
            _logger.exception("metrics cannot be encoded and are lost")
            return MetricExportResult.FAILURE
        taken = self._export_queue.put(payload, len(payload))
        self._export_queue.flush(timeout_millis / 1000, patient=False)
        return MetricExportResult.SUCCESS if taken else MetricExportResult.FAILURE

    def stand_down(self) -> None:
        """Take no more metrics: another exporter of ours does. What is queued is still sent."""
        self._stood_down = True

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Wait until everything taken over is delivered or dropped; False if that takes longer."""
        return self._export_queue.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Send what is left, for at most about five seconds."""
        stop_serving(self.destination, self, "metrics")
        self._export_queue.close(min(timeout_millis / 1000, EXIT_TIMEOUT))


def _of_our_scope(data: MetricsData) -> MetricsData:
    kept = []
    for resource in data.resource_metrics:
        ours = [scoped for scoped in resource.scope_metrics if scoped.scope.name == SCOPE]
        if ours:
            kept.append(ResourceMetrics(resource.resource, ours, resource.schema_url))
    return MetricsData(kept)
