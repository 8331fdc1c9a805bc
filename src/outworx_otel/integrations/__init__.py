"""One file per framework: its instrumentor, its hand-mounted adapter, and nothing else."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel import drops

# FastAPI's routes are Starlette's and more: both are switched on where both are there.
_INSTRUMENTORS: Final = {
    "starlette": "StarletteInstrumentor",
    "fastapi": "FastAPIInstrumentor",
    "flask": "FlaskInstrumentor",
    "django": "DjangoInstrumentor",
}


def instrument(**kwargs: Any) -> None:
    """Switches on every framework that is installed.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: likewise.
        endpoints: `TrackOptions` (or a mapping of them) by path, `*` for any rest of a path.

    Raises:
        ConfigurationError: an option or a configuration file that cannot be used.
    """
    from outworx_otel.bootstrap import prepare

    prepare(strict=True, **kwargs)
    for instrumentor in _installed():
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(skip_dep_check=True)


def uninstrument() -> None:
    """Takes every patch out again."""
    for instrumentor in _installed():
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
    drops.stop()


def _installed() -> list[BaseInstrumentor]:
    found = []
    for framework, name in _INSTRUMENTORS.items():
        if importlib.util.find_spec(framework) is not None:
            module = importlib.import_module(f"{__name__}.{framework}")
            found.append(getattr(module, name)())
    return found
