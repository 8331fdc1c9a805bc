"""A periodic metric reader that starts no thread before there is something to read.

The SDK's PeriodicExportingMetricReader starts one when it is made: in gunicorn's master with `--preload`, where
gevent has not patched `threading` yet, or in uWSGI's, which forks without telling Python.
"""

from __future__ import annotations

import logging
import math
import os
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from outworx_otel.export import open_queues
from outworx_otel.process.forks import PerProcess
from outworx_otel.process.timer import Timer

INTERVAL_VARIABLE: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_DEFAULT_MILLIS: Final = 60_000.0

_logger = logging.getLogger("outworx_otel")


class LazyMetricReader(PeriodicExportingMetricReader):
    """Reads every `OTEL_METRIC_EXPORT_INTERVAL` milliseconds from a process's first delivery on, and at its end."""

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__(exporter, export_interval_millis=math.inf)
        self._seconds = _interval() / 1000
        self._timer = Timer("outworx-metrics")
        self._begun = PerProcess(lambda: [False])
        open_queues.on_start(self)

    def begin(self) -> None:
        """Reads periodically in this process, from now on; harmless when it is called again."""
        begun = self._begun()
        if not begun[0]:
            begun[0] = True
            self._timer.call_in(self._seconds, self._tick)

    def _at_fork_reinit(self) -> None:
        """Starts no thread of the SDK's: a forked child begins with its own first delivery."""

    def _tick(self) -> None:
        if not self._shutdown:
            try:
                self.collect()
            finally:
                self._timer.call_in(self._seconds, self._tick)

    def _receive_metrics(self, metrics_data: Any, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        # Without the SDK's lock, which is from before gevent's patch: a greenlet that waits for it stops all others.
        # Our exporter may be called by several at once.
        try:
            self._exporter.export(metrics_data, timeout_millis=timeout_millis)
        except Exception:
            _logger.exception("exporting metrics failed")

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Reads once more, and shuts the exporter down; harmless when it is called again."""
        if self._shutdown:
            return
        try:
            self.collect(timeout_millis=timeout_millis)
        except Exception:
            _logger.exception("reading the last metrics failed")
        super().shutdown(timeout_millis, **kwargs)


def _interval() -> float:
    try:
        millis = float(os.environ.get(INTERVAL_VARIABLE, _DEFAULT_MILLIS))
    except ValueError:
        return _DEFAULT_MILLIS
    return millis if 0 < millis < math.inf else _DEFAULT_MILLIS
