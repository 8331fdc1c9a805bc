"""Fixtures: one framework after the other, a provider that keeps its spans, and a clean set-up."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conventions.watch import KeptSpans, look_at_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from support.calls import Framework
from support.first_set_up import begin_anew
from support.patches import take_out

import outworx_otel
from outworx_otel.setup import runtime as runtimes

from .asgi_apps import FastAPIKind, StarletteKind
from .django_apps import DjangoKind
from .flask_apps import FlaskKind

FRAMEWORKS: tuple[Framework, ...] = (
    StarletteKind("starlette"),
    StarletteKind("starlette-trio", "trio"),
    FastAPIKind("fastapi"),
    FastAPIKind("fastapi-sync", sync=True),
    FlaskKind("flask"),
    FlaskKind("flask-async", asynchronous=True),
    DjangoKind("django-wsgi"),
    DjangoKind("django-wsgi-async", asynchronous=True),
    DjangoKind("django-asgi", asgi=True),
    DjangoKind("django-asgi-async", asgi=True, asynchronous=True),
)
ONE_OF_EACH = tuple(kind for kind in FRAMEWORKS if kind.name in ("fastapi", "flask", "django-wsgi"))


class Telemetry:
    """What was recorded, in memory."""

    def __init__(self) -> None:
        self.exporter = KeptSpans()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def spans(self) -> list[ReadableSpan]:
        """Every finished span of ours."""
        return [
            span
            for span in self.exporter.get_finished_spans()
            if span.instrumentation_scope is not None and span.instrumentation_scope.name == "outworx_otel"
        ]

    def deliveries(self) -> list[ReadableSpan]:
        """Every delivery's span."""
        return [span for span in self.spans() if span.name.startswith("webhook ")]

    def delivery(self) -> ReadableSpan:
        """The only delivery's span."""
        (span,) = self.deliveries()
        return span

    def said(self, name: str) -> Any:
        """What the only delivery's span says under `outworx.webhook.{name}`."""
        return (self.delivery().attributes or {}).get(f"outworx.webhook.{name}")

    def points(self, metric: str) -> list[tuple[dict[str, Any], Any]]:
        """The data points of `outworx.webhook.{metric}`."""
        data = look_at_metrics(self._reader.get_metrics_data())
        return [
            (dict(point.attributes), getattr(point, "value", None) or getattr(point, "count", None))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == f"outworx.webhook.{metric}"
            for point in found.data.data_points
        ]


@pytest.fixture(params=FRAMEWORKS, ids=lambda framework: framework.name)
def framework(request: pytest.FixtureRequest) -> Framework:
    """Each framework, each colour of handler, each protocol."""
    return request.param


@pytest.fixture(params=ONE_OF_EACH, ids=lambda framework: framework.name)
def each(request: pytest.FixtureRequest) -> Framework:
    """FastAPI, Flask and Django once, for what their adapters leave to the delivery."""
    return request.param


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """A provider and a reader of this test's own."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.points("deliveries")


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield begin_anew(monkeypatch, ready=True)
    outworx_otel.uninstrument()
    take_out()
    runtimes.replace(runtimes.Runtime())
    # A test that debugs lets INFO through, and the next one would see what is said at start.
    logging.getLogger("outworx_otel").setLevel(logging.NOTSET)


@pytest.fixture
def errors() -> list[Exception]:
    """What `on_error` was given, where a test asked `monitor` to report."""
    return []


@pytest.fixture
def monitor(telemetry: Telemetry, errors: list[Exception], _clean_process: Any) -> Callable[..., None]:
    """Switches every framework on: `monitor({path: TrackOptions(...)})`."""

    def switch_on(configured: Any = None, on_error: Callable[[Any], Any] = errors.append) -> None:
        _clean_process.on_error = on_error
        outworx_otel.instrument(
            tracer_provider=telemetry.tracer_provider,
            meter_provider=telemetry.meter_provider,
            endpoints=configured,
        )

    return switch_on
