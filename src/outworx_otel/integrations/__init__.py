"""One file per framework: its instrumentor, its hand-mounted adapter, and nothing else."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from outworx_otel import drops
from outworx_otel.setup.bootstrap import Endpoints, prepare, reset

# FastAPI's routes are Starlette's and more: both are switched on where both are there.
_INSTRUMENTORS: Final = {
    "starlette": "StarletteInstrumentor",
    "fastapi": "FastAPIInstrumentor",
    "flask": "FlaskInstrumentor",
    "django": "DjangoInstrumentor",
}


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    endpoints: Endpoints | None = None,
) -> None:
    """Switches on every framework that is installed: Starlette, FastAPI, Flask, Django.

    For applications made before or after; harmless when it is called again. Where spans go is for `init()`, or
    for the application's own OpenTelemetry set-up.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: likewise.
        endpoints: what is wanted where: `{"/webhooks/stripe": TrackOptions("stripe", ...)}`; `*` stands for any
            rest of a path, and a plain mapping of options for `TrackOptions`.

    Raises:
        ConfigurationError: an option or a configuration file that cannot be used.
    """
    prepare(strict=True, tracer_provider=tracer_provider, meter_provider=meter_provider, endpoints=endpoints)
    for instrumentor in _installed():
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(skip_dep_check=True)


def uninstrument() -> None:
    """Takes every patch out again: requests pass as if this package were not there, and are not verified."""
    for instrumentor in _installed():
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
    drops.stop()
    reset()


def _installed() -> list[BaseInstrumentor]:
    found = []
    for framework, name in _INSTRUMENTORS.items():
        if importlib.util.find_spec(framework) is not None:
            module = importlib.import_module(f"{__name__}.{framework}")
            found.append(getattr(module, name)())
    return found
