"""What may be said to `instrument()`, to an instrumentor and to `instrument_app()`; anything else is an error."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup.options import unknown_name

KEYWORDS: Final = (
    "tracer_provider",
    "meter_provider",
    "endpoints",
    "excluded_urls",
    "request_hook",
    "response_hook",
)
# What OpenTelemetry passes to every instrumentor, ours or not.
_PASSED_TO_ALL: Final = ("logger_provider", "skip_dep_check", "raise_exception_on_conflict")
_LOADERS: Final = ("opentelemetry.instrumentation.auto_instrumentation", "opentelemetry.configuration")


def check_keywords(given: Mapping[str, Any], where: str) -> None:
    """Makes sure that nothing is misspelt.

    Args:
        given: keyword arguments.
        where: what was called, for the message.

    Raises:
        ConfigurationError: an argument is unknown; the nearest name is suggested.
    """
    for name in given:
        if name not in KEYWORDS and name not in _PASSED_TO_ALL:
            raise ConfigurationError(f"{where}: {unknown_name('argument', name, KEYWORDS)}")


def is_called_by_loader() -> bool:
    """Whether OpenTelemetry's loader calls us: what we raise would keep it from loading all that comes after."""
    frame: Any = sys._getframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_LOADERS):
            return True
        frame = frame.f_back
    return False


def is_imported_by_loader() -> bool:
    """Whether OpenTelemetry's loader, and not its launcher that goes before it, is importing us."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == f"{_LOADERS[0]}._load":
            return True
        frame = frame.f_back
    return False


def meant_as_endpoints(given: Mapping[str, Any]) -> list[str]:
    """The paths in arguments with an unknown name: they were meant to be guarded, and stay closed."""
    return [
        path
        for name, value in given.items()
        if name not in KEYWORDS and isinstance(value, Mapping)
        for path in value
        if isinstance(path, str) and path.startswith(("/", "*"))
    ]
