"""Providers of other makers: they are asked for what they can do, never for their class."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from opentelemetry import metrics, trace

from outworx_otel.telemetry import semconv
from outworx_otel.version import __version__

_logger = logging.getLogger("outworx_otel")


def is_placeholder(provider: object) -> bool:
    """Whether this is what the OpenTelemetry API gives as long as nobody has set a provider.

    Logfire has classes of the same names, which are real providers.
    """
    kind = type(provider)
    return kind.__module__.startswith("opentelemetry.") and kind.__name__.strip("_").startswith("Proxy")


def ability(provider: object, name: str) -> Callable[..., Any] | None:
    """The method of that name, or None where the provider has none."""
    try:
        found = getattr(provider, name, None)
    except Exception:  # noqa: BLE001  # a wrapper's own `__getattr__`
        return None
    return found if callable(found) else None


def metric_readers(provider: object) -> tuple[Any, ...]:
    """The readers of a meter provider of the SDK; none where it keeps them elsewhere, as they are private."""
    settings = getattr(provider, "_sdk_config", None)
    readers: Any = getattr(provider, "_metric_readers", None) or getattr(settings, "metric_readers", ())
    return tuple(readers)


def tracer_of(provider: trace.TracerProvider | None) -> trace.Tracer:
    """The tracer of this package; one that records nothing where the provider raises.

    Args:
        provider: None is the global one, also if it is set later.
    """
    try:
        return trace.get_tracer(semconv.SCOPE, __version__, provider, semconv.SCHEMA_URL)
    except Exception as error:  # noqa: BLE001  # theirs
        _say(provider or trace.get_tracer_provider(), "tracer", error)
        return trace.NoOpTracer()


def meter_of(provider: metrics.MeterProvider | None) -> metrics.Meter:
    """The meter of this package; one that records nothing where the provider raises. Arguments as above."""
    try:
        return metrics.get_meter(semconv.SCOPE, __version__, provider, semconv.SCHEMA_URL)
    except Exception as error:  # noqa: BLE001  # theirs
        _say(provider or metrics.get_meter_provider(), "meter", error)
        return metrics.NoOpMeter(semconv.SCOPE)


def _say(provider: object, what: str, error: Exception) -> None:
    _logger.error("outworx: %s gives no %s: %s", type(provider).__qualname__, what, error)
