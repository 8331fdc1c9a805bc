"""Encodes one batch for the protocol in use and posts it once."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from outworx_otel.export.destination import Destination
from outworx_otel.export.events import encode_events
from outworx_otel.export.http_client import HttpClient
from outworx_otel.export.report import ExportReport
from outworx_otel.export.send_result import SendResult, Verdict
from outworx_otel.export.span_encoder import SpanEncoder

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
# Telemetry is repetitive: level 6 gains a few percent over 3 and costs twice the time.
_GZIP_LEVEL: Final = 3

_logger = logging.getLogger("outworx_otel")


class SpanBatchSender:
    """Sends spans as OTLP, or as JSON events where the receiver takes only those."""

    def __init__(self, destination: Destination, report: ExportReport) -> None:
        self._encode = SpanEncoder().encode
        self._destination = destination
        self._report = report
        self._client = HttpClient(destination)
        self._protocol = destination.protocol

    def send(self, items: Sequence[ReadableSpan], timeout: float | None) -> SendResult:
        """Posts a batch. With protocol `auto`, an answer of 404, 405 or 415 switches to events for good."""
        if self._protocol == "events":
            return self._send_events(items, timeout)
        result = self._send_otlp(items, timeout)
        if result.verdict is Verdict.UNSUPPORTED and self._protocol == "auto":
            self._protocol = "events"
            self._report.once(
                "protocol",
                f"{self._destination.endpoint} does not take OTLP ({result.detail}):"
                " spans are sent as JSON events from now on (OUTWORX_PROTOCOL=events starts that way)",
            )
            return self._send_events(items, timeout)
        if result.verdict is Verdict.DELIVERED and self._protocol == "auto":
            # A single 404 in a deployment of the receiver must not demote one that does know OTLP.
            self._protocol = "otlp"
        return result

    def _send_otlp(self, spans: Sequence[ReadableSpan], timeout: float | None) -> SendResult:
        try:
            body = gzip.compress(self._encode(spans), _GZIP_LEVEL)
        except Exception:
            _logger.exception("a span cannot be encoded")
            return SendResult(Verdict.SPLIT, "it cannot be encoded")
        return self._client.post(
            self._destination.traces_url, body, _PROTOBUF, encoding="gzip", timeout=timeout
        )

    def _send_events(self, spans: Sequence[ReadableSpan], timeout: float | None) -> SendResult:
        body = encode_events(spans)
        if body is None:
            return SendResult(Verdict.NOT_SENT)
        result = self._client.post(self._destination.events_url, body, _JSON, timeout=timeout)
        # `rejected` belongs to OTLP; another server's JSON may use the same words for something else.
        return SendResult(result.verdict, result.detail, result.retry_after)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class MetricBatchSender:
    """Sends encoded metric requests, one per attempt."""

    def __init__(self, destination: Destination, report: ExportReport) -> None:
        self._destination = destination
        self._report = report
        self._client = HttpClient(destination, "metrics")
        self._unknown = destination.protocol == "events"

    def send(self, items: Sequence[bytes], timeout: float | None) -> SendResult:
        """Posts one request. Nothing more is sent to a receiver that takes no metrics, which is logged once."""
        if self._unknown:
            return SendResult(Verdict.NOT_SENT)
        result = SendResult(Verdict.NOT_SENT)
        for payload in items:
            result = self._client.post(
                self._destination.metrics_url,
                gzip.compress(payload, _GZIP_LEVEL),
                _PROTOBUF,
                encoding="gzip",
                timeout=timeout,
            )
        if result.verdict is Verdict.UNSUPPORTED:
            self._unknown = True
            self._report.once(
                "metrics",
                f"{self._destination.endpoint} does not take metrics ({result.detail}): none are sent",
            )
            return SendResult(Verdict.NOT_SENT)
        return result

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def metrics_encoder() -> Callable[[MetricsData], bytes]:
    """The SDK exporters' own encoder, imported when the first exporter is made."""
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    return lambda data: encode_metrics(data).SerializeToString()
