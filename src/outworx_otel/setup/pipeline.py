"""The SDK's providers: the application's, or ones of ours with the exporters that were asked for."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from opentelemetry import metrics, trace

from outworx_otel.errors import ConfigurationError, OutworxError, described
from outworx_otel.http.proxies import is_this_machine
from outworx_otel.process import environment
from outworx_otel.setup.absence import say_absence_once
from outworx_otel.setup.giving_way import give_way, note_made
from outworx_otel.telemetry.foreign import ability, is_placeholder

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler

    from outworx_otel.export import Destination
    from outworx_otel.export.mirror import MirroringMeterProvider, MirroringTracerProvider

_made: Any = None

_NO_EXPORTER: Final = "spans go nowhere: no key, no endpoint, and OTEL_TRACES_EXPORTER names no OTLP exporter"


@dataclass
class Beside:
    """What exports beside the global providers.

    Args:
        tracer_provider: to be used instead of the global one, which takes nothing from us, and gets the same.
        meter_provider: likewise.
        readers: what the global meter provider has taken. It neither flushes them nor shuts them down.
    """

    tracer_provider: MirroringTracerProvider | None = None
    meter_provider: MirroringMeterProvider | None = None
    readers: list[MetricReader] = field(default_factory=list)

    def exporting(self) -> list[Any]:
        """What is to be flushed."""
        mirroring = (self.tracer_provider, self.meter_provider)
        return [*(beside.ours for beside in mirroring if beside is not None), *self.readers]


def provide(
    destination: Destination, on_error: Callable[[OutworxError], None], beside: Beside
) -> Iterator[str]:
    """Sees to it that webhook telemetry reaches `destination`; gives what has to be said about it.

    With the destination that the standard OpenTelemetry variables name, an application that has providers has
    seen to it itself; without any, they are made as the SDK would make them, for all spans.

    Args:
        destination: where to.
        on_error: told of failures to export.
        beside: gets a provider where the application's takes no processor, or no reader.
    """
    try:
        yield from _provide_spans(destination, on_error, beside)
        yield from _provide_metrics(destination, on_error, beside)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  # somebody else's provider: the application must start
        yield f"outworx: telemetry could not be set up, so less of it is sent: {described(error)}"


def _provide_spans(
    destination: Destination, on_error: Callable[[OutworxError], None], beside: Beside
) -> Iterator[str]:
    from outworx_otel.export import OutworxSpanProcessor, is_served

    global _made
    provider: Any = trace.get_tracer_provider()
    if is_placeholder(provider):
        from opentelemetry.sdk.trace import TracerProvider

        provider = TracerProvider(sampler=_sampler())
        trace.set_tracer_provider(provider)
        _made = provider
        if destination.standard:
            if _exports("OTEL_TRACES_EXPORTER"):
                say_absence_once(destination.named("traces"), "traces")
                provider.add_span_processor(_plain_processor())
            else:
                yield _NO_EXPORTER
    if destination.standard:
        return
    yield from give_way(destination, "traces", provider, *beside.exporting())
    if is_served(destination):
        return
    processor = OutworxSpanProcessor(destination=destination, on_error=on_error)
    note_made(processor)
    if (yield from _taken(provider, "add_span_processor", processor)):
        return
    if beside.tracer_provider is None:
        from outworx_otel.export.mirror import MirroringTracerProvider

        beside.tracer_provider = MirroringTracerProvider(provider, _sampler())
    beside.tracer_provider.ours.add_span_processor(processor)


def _taken(provider: Any, method: str, part: object) -> Generator[str, None, bool]:
    """Gives a provider a processor or reader of ours; returns whether it took it, and yields what went wrong."""
    add = ability(provider, method)
    try:
        if add is not None:
            add(part)
            return True
    except Exception as error:  # noqa: BLE001  # theirs
        yield f"outworx: {type(provider).__qualname__}.{method} raised {described(error)}"
    return False


def _sampler() -> Sampler | None:
    from outworx_otel.export import outworx_webhook_sampler

    # Where a sampler is named, the SDK takes that.
    named = os.environ.get("OTEL_TRACES_SAMPLER")
    return None if named else outworx_webhook_sampler(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))


def _provide_metrics(
    destination: Destination, on_error: Callable[[OutworxError], None], beside: Beside
) -> Iterator[str]:
    from opentelemetry.sdk.metrics import MeterProvider

    from outworx_otel.export import OutworxMetricExporter, is_served
    from outworx_otel.export.metric_reader import LazyMetricReader

    provider = metrics.get_meter_provider()
    nobodys = is_placeholder(provider)
    yield from give_way(destination, "metrics", provider, *beside.exporting())
    if is_served(destination, "metrics") or (destination.standard and not nobodys):
        return
    reader: MetricReader
    if not destination.standard:
        exporter = OutworxMetricExporter(destination=destination, on_error=on_error)
        note_made(exporter)
        reader = LazyMetricReader(exporter)
    elif _exports("OTEL_METRICS_EXPORTER"):
        say_absence_once(destination.named("metrics"), "metrics")
        reader = _plain_reader()
    else:
        return
    if nobodys:
        metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
        return
    # The SDK's own takes readers afterwards from 1.45 on.
    if (yield from _taken(provider, "add_metric_reader", reader)):
        beside.readers.append(reader)
        atexit.register(reader.shutdown)
        return
    from outworx_otel.export.mirror import MirroringMeterProvider

    beside.meter_provider = MirroringMeterProvider(provider, MeterProvider(metric_readers=[reader]))


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
