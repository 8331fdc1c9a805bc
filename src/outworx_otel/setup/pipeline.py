"""The SDK's providers: the application's, or ones of ours with the exporters that were asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from opentelemetry import metrics, trace

from outworx_otel.errors import OutworxError
from outworx_otel.http.proxies import is_this_machine
from outworx_otel.process import environment
from outworx_otel.setup.absence import say_absence_once

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor

    from outworx_otel.export import Destination

_NO_PROCESSORS: Final = (
    "the global tracer provider ({kind}) takes no span processor, so nothing is sent to Outworx; add "
    "OutworxSpanProcessor where that provider is made"
)


_made: Any = None


def provide(destination: Destination, on_error: Callable[[OutworxError], None]) -> Iterator[str]:
    """Sees to it that webhook telemetry reaches `destination`; gives what has to be said about it.

    With the destination that the standard OpenTelemetry variables name, an application that has providers has
    seen to it itself; without any, they are made as the SDK would make them, for all spans.

    Args:
        destination: where to.
        on_error: told of failures to export.
    """
    from opentelemetry.sdk.trace import TracerProvider

    global _made
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        if not destination.standard:
            yield from _add(provider, destination, on_error)
    elif isinstance(provider, trace.ProxyTracerProvider):
        from outworx_otel.export import outworx_webhook_sampler

        # Where a sampler is named, the SDK takes that.
        named = os.environ.get("OTEL_TRACES_SAMPLER")
        sampler = None if named else outworx_webhook_sampler(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
        provider = TracerProvider(sampler=sampler)
        trace.set_tracer_provider(provider)
        _made = provider
        yield from _add(provider, destination, on_error)
    else:
        yield _NO_PROCESSORS.format(kind=type(provider).__name__)
        return
    yield from _provide_metrics(destination, on_error)


def _add(provider: Any, destination: Destination, on_error: Callable[[OutworxError], None]) -> Iterator[str]:
    from outworx_otel.export import OutworxSpanProcessor, is_served

    if not destination.standard:
        if not is_served(destination):
            provider.add_span_processor(OutworxSpanProcessor(destination=destination, on_error=on_error))
    elif _exports("OTEL_TRACES_EXPORTER"):
        say_absence_once(destination.endpoint)
        provider.add_span_processor(_plain_processor())
    else:
        yield "spans go nowhere: no key, no endpoint, and OTEL_TRACES_EXPORTER names no OTLP exporter"


def _provide_metrics(destination: Destination, on_error: Callable[[OutworxError], None]) -> Iterator[str]:
    from opentelemetry.sdk.metrics import MeterProvider

    from outworx_otel.export import OutworxMetricExporter, is_served
    from outworx_otel.export.metric_reader import LazyMetricReader

    provider = metrics.get_meter_provider()
    theirs = isinstance(provider, MeterProvider)
    if is_served(destination, "metrics") or (destination.standard and theirs):
        return
    # SDK 1.45 and newer take readers afterwards; older ones only when a MeterProvider is made.
    add_reader = getattr(provider, "add_metric_reader", None) if theirs else None
    if theirs and add_reader is None:
        yield "the application's MeterProvider takes no more readers; OTEL_METRICS_EXPORTER=outworx adds our metrics"
        return
    reader: MetricReader
    if not destination.standard:
        exporter = OutworxMetricExporter(destination=destination, on_error=on_error)
        reader = LazyMetricReader(exporter)
    elif _exports("OTEL_METRICS_EXPORTER"):
        say_absence_once(destination.endpoint)
        reader = _plain_reader()
    else:
        return
    if add_reader is not None:
        add_reader(reader)
    else:
        metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))


def _exports(variable: str) -> bool:
    """Whether the SDK's own choice of exporters, whose default is OTLP, has OTLP in it."""
    chosen = os.environ.get(variable, "").strip() or "otlp"
    return any(name.strip().startswith("otlp") for name in chosen.split(","))


def _speaks_grpc(variable: str) -> bool:
    protocol = os.environ.get(variable) or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    return protocol.strip().lower() == "grpc"


def _session_for_this_machine(signal: str) -> requests.Session | None:
    """What keeps the SDK's exporter from calling this machine through a proxy; None where it calls another one."""
    url = environment.text(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    parts = urlsplit(url or "http://localhost:4318")
    if parts.scheme != "http" or not is_this_machine(parts.hostname or ""):
        return None
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


def is_made_here(provider: Any) -> bool:
    """Whether a provider is one that `init()` made."""
    return provider is _made


def _plain_processor() -> SpanProcessor:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

    exporter: SpanExporter
    if _speaks_grpc("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter

        exporter = GrpcSpanExporter()
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(session=_session_for_this_machine("TRACES"))
    return BatchSpanProcessor(exporter)


def _plain_reader() -> MetricReader:
    from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

    exporter: MetricExporter
    if _speaks_grpc("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"):
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
            OTLPMetricExporter as GrpcMetricExporter,
        )

        exporter = GrpcMetricExporter()
    else:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        exporter = OTLPMetricExporter(session=_session_for_this_machine("METRICS"))
    return PeriodicExportingMetricReader(exporter)
