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
    headers: Any,
    template: Callable[..., str | None],
    *where: Any,
    mounted: Endpoint | None = None,
) -> Endpoint | None:
    """The endpoint that a request belongs to, or None where it is to pass untouched.

    In order of precedence: the handler's decorator, `mounted`, what code and configuration say of the path, and
    unmistakable headers. Every request of the application comes by here.

    Args:
        runtime: what is configured.
        handler: the route's function or class.
        method: in upper case.
        path: as the provider called it.
        headers: lower-case (name, value) byte pairs, or a WSGI environ.
        template: gives the route's template, from `where`.
        mounted: a hand-mounted adapter's endpoint, already found to concern this path.
    """
    endpoint = marked(handler, method) or mounted or runtime.find(path, template, *where)
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
