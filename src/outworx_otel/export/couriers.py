"""One attempt with one batch: encode it for the protocol in use, post it."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from outworx_otel.export.answers import Answer, Verdict
from outworx_otel.export.destination import Destination
from outworx_otel.export.events import encode_events
from outworx_otel.export.report import Report
from outworx_otel.export.sender import Sender, Signal

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
# Telemetry is repetitive: level 6 gains a few percent over 3 and costs twice the time.
_GZIP_LEVEL: Final = 3

_logger = logging.getLogger("outworx_otel")


class SpanCourier:
    """Sends spans as OTLP, or as JSON events once the receiver turned out to know only those."""

    def __init__(self, destination: Destination, report: Report) -> None:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        self._encode: Callable[[Sequence[ReadableSpan]], bytes] = lambda spans: encode_spans(
            spans
        ).SerializeToString()
        self._destination = destination
        self._report = report
        self._sender = Sender(destination)
        self._protocol = destination.protocol

    def send(self, items: Sequence[ReadableSpan], timeout: float | None) -> Answer:
        """Post a batch; in `auto` an answer of 404, 405 or 415 changes to events, for good."""
        if self._protocol == "events":
            return self._send_events(items, timeout)
        answer = self._send_otlp(items, timeout)
        if answer.verdict is Verdict.UNSUPPORTED and self._protocol == "auto":
            self._protocol = "events"
            self._report.once(
                "protocol",
                f"{self._destination.endpoint} does not take OTLP ({answer.detail}):"
                " spans are sent as JSON events from now on (OUTWORX_HOOKS_PROTOCOL=events starts that way)",
            )
            return self._send_events(items, timeout)
        if answer.verdict is Verdict.DELIVERED and self._protocol == "auto":
            # A single 404 in a deployment of the receiver must not demote one that does know OTLP.
            self._protocol = "otlp"
        return answer

    def _send_otlp(self, spans: Sequence[ReadableSpan], timeout: float | None) -> Answer:
        try:
            body = gzip.compress(self._encode(spans), _GZIP_LEVEL)
        except Exception:
            _logger.exception("a span cannot be encoded")
            return Answer(Verdict.SPLIT, "it cannot be encoded")
        return self._sender.post(
            self._destination.traces_url, body, _PROTOBUF, encoding="gzip", timeout=timeout
        )

    def _send_events(self, spans: Sequence[ReadableSpan], timeout: float | None) -> Answer:
        body = encode_events(spans)
        if body is None:
            return Answer(Verdict.NOT_SENT)
        answer = self._sender.post(self._destination.events_url, body, _JSON, timeout=timeout)
        # `rejected` belongs to OTLP; another server's JSON may use the same words for something else.
        return Answer(answer.verdict, answer.detail, answer.retry_after)

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()


class MetricCourier:
    """Sends encoded metric requests, one per attempt."""

    def __init__(self, destination: Destination, report: Report) -> None:
        self._destination = destination
        self._report = report
        self._sender = Sender(destination)
        self._unknown = destination.protocol == "events"

    def send(self, items: Sequence[bytes], timeout: float | None) -> Answer:
        """Post one request. A receiver that has no metrics is told nothing more, and that is said once."""
        if self._unknown:
            return Answer(Verdict.NOT_SENT)
        signal: Signal = "metrics"
        answer = Answer(Verdict.NOT_SENT)
        for payload in items:
            answer = self._sender.post(
                self._destination.metrics_url,
                gzip.compress(payload, _GZIP_LEVEL),
                _PROTOBUF,
                signal=signal,
                encoding="gzip",
                timeout=timeout,
            )
        if answer.verdict is Verdict.UNSUPPORTED:
            self._unknown = True
            self._report.once(
                "metrics",
                f"{self._destination.endpoint} does not take metrics ({answer.detail}): none are sent",
            )
            return Answer(Verdict.NOT_SENT)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()


def encoder_of_metrics() -> Callable[[MetricsData], bytes]:
    """The SDK exporters' own encoder, imported when the first exporter is made."""
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    return lambda data: encode_metrics(data).SerializeToString()
