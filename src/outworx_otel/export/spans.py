"""`OutworxSpanProcessor` and `OutworxSpanExporter`: webhook spans out of a TracerProvider."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from outworx_otel.errors import ConfigurationError
from outworx_otel.export.batch_senders import SpanBatchSender
from outworx_otel.export.destination import Destination
from outworx_otel.export.export_queue import ExportQueue, QueueLimits
from outworx_otel.export.open_queues import EXIT_TIMEOUT
from outworx_otel.export.report import ExportReport, OnError
from outworx_otel.export.retry_policy import RetryPolicy
from outworx_otel.export.served_destinations import serve, stop_serving
from outworx_otel.export.sizes import size_of_resource, size_of_span
from outworx_otel.process import environment
from outworx_otel.telemetry.semconv import SCOPE

_MIB: Final = 1024 * 1024
_EXPORT_WAIT: Final = 30.0

_logger = logging.getLogger("outworx_otel")


class OutworxSpanProcessor(SpanProcessor):
    """Exports webhook spans, and no others, with its own queue and credentials.

    Add it beside whatever else the application exports to:
    `provider.add_span_processor(OutworxSpanProcessor(api_key="..."))`.

    Args:
        api_key: as in `Destination`; what is not given of these three comes from `OUTWORX_*`.
        endpoint: as in `Destination`.
        protocol: as in `Destination`.
        timeout: milliseconds that one attempt may take.
        on_error: gets an `ExportError` for each thing that goes wrong, in the exporting thread; what it
            raises is logged and swallowed.
        debug: one log line (INFO) per delivered batch; None leaves it to `OUTWORX_DEBUG`.
        max_queue_size: in spans; `OTEL_BSP_MAX_QUEUE_SIZE` or 2048.
        max_batch_size: in spans; `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` or 512.
        schedule_delay: milliseconds for which a batch is gathered; `OTEL_BSP_SCHEDULE_DELAY` or 1000.
        max_queue_bytes: the queue's bound in estimated bytes.
        max_batch_bytes: a batch's bound in estimated bytes.
        destination: instead of the arguments that describe one.

    Raises:
        ConfigurationError: an argument or variable that cannot be used.
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
        max_queue_size: int | None = None,
        max_batch_size: int | None = None,
        schedule_delay: int | None = None,
        max_queue_bytes: int = 16 * _MIB,
        max_batch_bytes: int = 4 * _MIB,
        destination: Destination | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.destination = destination or Destination.from_environment(
            api_key, endpoint, timeout=timeout, protocol=protocol, debug=debug
        )
        queue_items = _positive("max_queue_size", max_queue_size, "OTEL_BSP_MAX_QUEUE_SIZE", 2048)
        limits = QueueLimits(
            queue_items=queue_items,
            queue_bytes=_positive("max_queue_bytes", max_queue_bytes, None, 0),
            batch_items=min(
                _positive("max_batch_size", max_batch_size, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
                queue_items,
            ),
            batch_bytes=_positive("max_batch_bytes", max_batch_bytes, None, 0),
            delay=_positive("schedule_delay", schedule_delay, "OTEL_BSP_SCHEDULE_DELAY", 1000) / 1000,
        )
        self._export_queue = _span_queue(self.destination, on_error, limits, retry_policy)
        self._stood_down = False
        serve(self.destination, self)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: only finished spans are of interest."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled webhook span. Never blocks, never raises; a full queue refuses and counts it."""
        try:
            scope = span.instrumentation_scope
            if (
                not self._stood_down
                and scope is not None
                and scope.name == SCOPE
                and span.context
                and span.context.trace_flags.sampled
            ):
                self._export_queue.put(span, size_of_span(span), size_of_resource(span))
        except Exception:
            # `Span.end` would pass it on to the application.
            _logger.exception("a webhook span could not be queued")

    def stand_down(self) -> None:
        """Take no more spans: another exporter of ours does. What is queued is still sent."""
        self._stood_down = True

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until what ended before is delivered or dropped; False if that takes longer."""
        return self._export_queue.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is queued. With a receiver that is down this takes about five seconds, no more."""
        stop_serving(self.destination, self)
        self._export_queue.close(EXIT_TIMEOUT)


class OutworxSpanExporter(SpanExporter):
    """Exports webhook spans as an SDK exporter: for `OTEL_TRACES_EXPORTER=outworx`, or a batch processor in code.

    Webhook spans go into a queue of their own, so that a receiver that is away does not hold up the
    processor's thread (its queue would overflow with the application's other spans, and drop ours).
    As long as the receiver answers, `export` returns when the spans are delivered.
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
        self.destination = destination or Destination.from_environment(
            api_key, endpoint, timeout=timeout, protocol=protocol, debug=debug
        )
        self._export_queue = _span_queue(self.destination, on_error, QueueLimits(), retry_policy)
        self._stood_down = False
        serve(self.destination, self)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take over the webhook spans of a batch."""
        if self._stood_down:
            return SpanExportResult.SUCCESS
        taken = True
        for span in spans:
            scope = span.instrumentation_scope
            if scope is not None and scope.name == SCOPE:
                taken = self._export_queue.put(span, size_of_span(span), size_of_resource(span)) and taken
        self._export_queue.flush(_EXPORT_WAIT, patient=False)
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def stand_down(self) -> None:
        """Take no more spans: another exporter of ours does. What is queued is still sent."""
        self._stood_down = True

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until everything taken over is delivered or dropped; False if that takes longer."""
        return self._export_queue.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is left, for at most about five seconds."""
        stop_serving(self.destination, self)
        self._export_queue.close(EXIT_TIMEOUT)


def _span_queue(
    destination: Destination, on_error: OnError | None, limits: QueueLimits, retry_policy: RetryPolicy | None
) -> ExportQueue[ReadableSpan]:
    report = ExportReport(destination, "spans", on_error)
    return ExportQueue(SpanBatchSender(destination, report), report, limits, retry_policy or RetryPolicy())


def _positive(name: str, value: int | None, variable: str | None, default: int) -> int:
    if value is None:
        if variable is None:
            return default
        return environment.number(variable, default=default, least=1)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ConfigurationError(f"{name} must be a positive whole number, not {value!r}")
    return value
