"""Which requests are deliveries: asked by every adapter, answered in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.util.http import ExcludeList, get_excluded_urls

from outworx_otel.endpoints import Endpoint, Runtime, marked

_excluded: ExcludeList | None = None


def read_excluded_urls() -> None:
    """Reads `OTEL_PYTHON_OUTWORX_EXCLUDED_URLS` (or the general variable) anew."""
    global _excluded
    _excluded = get_excluded_urls("OUTWORX")


def select(
    runtime: Runtime,
    handler: Any,
    method: str,
    path: str,
    route: Callable[[], str | None],
    headers: Any,
    fallback: Endpoint | None = None,
) -> Endpoint | None:
    """The endpoint that a request belongs to, or None where it is to pass untouched.

    In order of precedence: the handler's decorator, `fallback` (the options of a hand-mounted adapter), what
    code and configuration say of the path, and unmistakable headers.

    Args:
        runtime: what is configured.
        handler: the route's function or class.
        method: in upper case.
        path: as the provider called it.
        route: gives the route's template; asked only where endpoints are configured by template.
        headers: lower-case (name, value) byte pairs, or a mapping.
        fallback: an app-wide adapter's endpoint, already found to concern this path.
    """
    endpoint = marked(handler, method) or fallback or runtime.find(path, route)
    if endpoint is None:
        endpoint = runtime.detect_provider(method, headers)
        if endpoint is None:
            return None
    elif method not in endpoint.methods:
        return None
    if not is_instrumentation_enabled() or is_excluded(path):
        return None
    return endpoint


def is_excluded(path: str) -> bool:
    """Whether `OTEL_PYTHON_OUTWORX_EXCLUDED_URLS` names this path."""
    if _excluded is None:
        read_excluded_urls()
    return _excluded is not None and _excluded.url_disabled(path)
