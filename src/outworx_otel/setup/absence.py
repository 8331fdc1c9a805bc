"""What OpenTelemetry's own exporters say while their receiver is away: once a minute, and in words.

They log each attempt at each batch, with the whole of a library's exception. This concerns only exporters that
`init()` makes itself, in an application that has none.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
_BEGINNINGS: Final = ("Transient error", "Failed to export")
_QUIET_SECONDS: Final = 60.0


class _OnceAMinute(logging.Filter):
    """Lets one of the exporters' complaints through, put in words, and holds the next ones back for a minute."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._next = 0.0
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(_BEGINNINGS):
            return True
        with self._lock:
            due = time.monotonic() >= self._next
            if due:
                self._next = time.monotonic() + _QUIET_SECONDS
        if due:
            record.msg = (
                "outworx: nothing can be delivered to %s, where telemetry goes without a key or an endpoint; "
                "`outworx serve` starts a receiver there, OUTWORX_ENDPOINT names another one"
            )
            record.args = (self._endpoint,)
            record.exc_info = record.exc_text = None
        return due


def say_absence_once(endpoint: str) -> None:
    """Shortens what the exporters of OTLP log while nobody answers at `endpoint`. Harmless when called again."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _OnceAMinute) for one in logger.filters):
            logger.addFilter(_shared(endpoint))


_filters: Final[dict[str, _OnceAMinute]] = {}


def _shared(endpoint: str) -> _OnceAMinute:
    """One for all signals: it is one receiver that is away."""
    return _filters.setdefault(endpoint, _OnceAMinute(endpoint))
