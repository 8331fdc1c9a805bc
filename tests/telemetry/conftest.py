"""Fixtures: a record, a provider and a reader in memory, and an allowance that nobody has used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from conventions.watch import KeptSpans, look_at_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from support.own_clock import set_clock

from outworx_otel.http.headers import Headers
from outworx_otel.signatures import SignatureResult
from outworx_otel.telemetry import Record, Telemetry
from outworx_otel.telemetry.redaction import Redactor

GENUINE = SignatureResult(True)
FORGED = SignatureResult(False, "hmac_mismatch", "another secret")


class Scene:
    """Telemetry of one test, and what came of it."""

    def __init__(self) -> None:
        self._exporter = KeptSpans()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.telemetry = Telemetry(provider, MeterProvider([self._reader], shutdown_on_exit=False))

    def deliver(self, record: Record) -> ReadableSpan:
        """The span of a delivery."""
        self.telemetry.start(record)
        self.telemetry.finish(record)
        return self.spans[-1]

    @property
    def spans(self) -> list[ReadableSpan]:
        """Every finished one."""
        return list(self._exporter.get_finished_spans())

    def metrics(self) -> MetricsData | None:
        """What was measured."""
        return look_at_metrics(self._reader.get_metrics_data())

    def points(self, metric: str) -> list[tuple[dict[str, Any], float]]:
        """The data points of `outworx.webhook.{metric}`: attributes, and the value or count."""
        data = self.metrics()
        return [
            (dict(point.attributes or {}), getattr(point, "value", None) or getattr(point, "count", 0))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == f"outworx.webhook.{metric}"
            for point in found.data.data_points
        ]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A provider of this test's own, and a whole allowance of spans in a second that does not end."""
    set_clock(monkeypatch, "telemetry._allowance", lambda: 1000.0)
    scene = Scene()
    yield scene
    scene.points("deliveries")


@pytest.fixture
def record() -> Callable[..., Record]:
    """Makes a record; `headers` are pairs of text."""

    def make(headers: Iterable[tuple[str, str]] = (), **known: Any) -> Record:
        fields = {"provider": "stripe", "method": "POST", "path": "/hook", "route": None, **known}
        return Record(redactor=Redactor(), headers=Headers(headers), start_ns=time.time_ns(), **fields)

    return make
