"""What OpenTelemetry's own exporters say while their receiver is away, or refuses: once a minute, and in words.

They log each attempt at each batch, with the whole of a library's exception. This concerns only exporters that
`init()` makes itself, in an application that has none.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final, Literal

Signal = Literal["traces", "metrics"]

_GRPC: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"
_LOGGERS: Final[dict[Signal, tuple[str, ...]]] = {
    "traces": ("opentelemetry.exporter.otlp.proto.http.trace_exporter", _GRPC),
    "metrics": ("opentelemetry.exporter.otlp.proto.http.metric_exporter", _GRPC),
}
_BEGINNINGS: Final = ("Transient error", "Failed to export")
_QUIET_SECONDS: Final = 60.0
_MAX_SHOWN: Final = 300
# Of gRPC's statuses, those that nobody has answered.
_UNANSWERED: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED")


class _OnceAMinute(logging.Filter):
    """Lets one complaint of each kind through, put in words, and holds the next ones back for a minute."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.endpoint = endpoint
        self._next = {"away": 0.0, "refuses": 0.0}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(_BEGINNINGS):
            return True
        refusal = _refusal(record)
        kind = "away" if refusal is None else "refuses"
        with self._lock:
            due = time.monotonic() >= self._next[kind]
            if due:
                self._next[kind] = time.monotonic() + _QUIET_SECONDS
        if due and refusal is None:
            record.msg = (
                "outworx: nothing can be delivered to %s, where telemetry goes without a key or an endpoint; "
                "`outworx serve` starts a receiver there, OUTWORX_ENDPOINT names another one"
            )
            record.args = (self.endpoint,)
        elif due:
            record.msg = (
                "outworx: %s refuses what it is sent, and that is lost (%s): look at the endpoint, at the key in "
                "OTEL_EXPORTER_OTLP_HEADERS and, for metrics, at OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
            )
            record.args = (self.endpoint, refusal)
        record.exc_info = record.exc_text = None
        return due


def _refusal(record: logging.LogRecord) -> str | None:
    """What a receiver that is there has answered; None where nobody did."""
    given = record.args if isinstance(record.args, tuple) else ()
    for one in given:
        status = getattr(one, "name", "") if type(one).__name__ == "StatusCode" else ""
        # An HTTP status beyond 2xx, or one of gRPC's.
        answered = (type(one) is int and one >= 300) or bool(status and status not in _UNANSWERED)
        if answered:
            said = "".join(sign if sign.isprintable() else " " for sign in record.getMessage()[:_MAX_SHOWN])
            return " ".join(said.split())
    return None


def say_absence_once(endpoint: str, signal: Signal) -> None:
    """Shortens what OTLP's exporters log while nothing can be delivered. Harmless when called again.

    Args:
        endpoint: where the signal goes, as it may be shown.
        signal: whose exporter is made.
    """
    for name in _LOGGERS[signal]:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _OnceAMinute) for one in logger.filters):
            logger.addFilter(_shared(endpoint))


def _shared(endpoint: str) -> _OnceAMinute:
    """One for all signals: it is one receiver that is away."""
    for name in {name for names in _LOGGERS.values() for name in names}:
        for known in logging.getLogger(name).filters:
            if isinstance(known, _OnceAMinute) and known.endpoint == endpoint:
                return known
    return _OnceAMinute(endpoint)
