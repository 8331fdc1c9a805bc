"""Endpoints that are configured and that nobody guards, because our instrumentors are kept away."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from typing import Final

DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
LOADER: Final = "opentelemetry.instrumentation.auto_instrumentation"
_FRAMEWORKS: Final = {
    "outworx_starlette": "starlette",
    "outworx_fastapi": "fastapi",
    "outworx_flask": "flask",
    "outworx_django": "django",
    "outworx_aiohttp": "aiohttp",
    "outworx_litestar": "litestar",
}


def disabled_instrumentors() -> list[str]:
    """Those of ours that the variable names and whose framework is installed."""
    named = {name.strip() for name in os.environ.get(DISABLED, "").split(",")}
    return [
        name
        for name, framework in _FRAMEWORKS.items()
        if ("*" in named or name in named) and importlib.util.find_spec(framework) is not None
    ]


def nobody_guards(paths: Iterable[str]) -> str | None:
    """What to say of these endpoints where `opentelemetry-instrument` is told to leave ours out, else None."""
    paths = sorted(paths)
    if not paths or LOADER not in sys.modules:
        return None
    names = disabled_instrumentors()
    if not names:
        return None
    where = (
        "" if len(names) == len(_installed()) else f" in applications of {', '.join(map(_framework, names))}"
    )
    return (
        f"{DISABLED}={os.environ[DISABLED]} keeps {', '.join(names)} away, so{where} NOBODY GUARDS "
        f"{', '.join(paths)}: deliveries there run unverified; take ours out of it, or call "
        "outworx_otel.instrument() in the application"
    )


def _installed() -> list[str]:
    return [
        name for name, framework in _FRAMEWORKS.items() if importlib.util.find_spec(framework) is not None
    ]


def _framework(instrumentor: str) -> str:
    return _FRAMEWORKS[instrumentor]
