"""Which requests are deliveries: asked by every adapter, answered in one place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.util.http import ExcludeList, get_excluded_urls

from outworx_otel.delivery import Delivery
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.marking import marked
from outworx_otel.setup.runtime import Runtime

_OWN_VARIABLE: Final = "OTEL_PYTHON_OUTWORX_EXCLUDED_URLS"
_excluded: ExcludeList | None = None


def read_excluded_urls() -> None:
    """Reads `OTEL_PYTHON_OUTWORX_EXCLUDED_URLS` (or the general variable) anew."""
    global _excluded
    try:
        _excluded = get_excluded_urls("OUTWORX")
    except re.error as error:
        logger.error(
            "OTEL_PYTHON_OUTWORX_EXCLUDED_URLS (or OTEL_PYTHON_EXCLUDED_URLS) holds no regular expression, so no "
            "URL is excluded: %s",
            error,
        )
        _excluded = ExcludeList([])


def select(
    runtime: Runtime,
    handler: Any,
    method: str,
    path: str,
    within: str,
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
        within: the same without the prefix that the application is served below.
        headers: lower-case (name, value) byte pairs, or a WSGI environ.
        template: gives the route's template, from `where`.
        mounted: a hand-mounted adapter's endpoint, already found to concern this path.
    """
    endpoint = marked(handler, method) or mounted
    if endpoint is None:
        endpoint = runtime.find(path, template, *where, within=within)
    elif runtime.endpoints and not endpoint.verifies:
        runtime.warn_of_replaced(endpoint, path, template, *where, within=within)
    if endpoint is None:
        endpoint = runtime.detect_provider(method, headers)
        if endpoint is None:
            return None
    elif not endpoint.listens_to(method, headers):
        return None
    if not is_instrumentation_enabled() or is_excluded(path, endpoint):
        return None
    return endpoint


def has_own_say(endpoint: Endpoint, outer: Delivery) -> bool:
    """Whether `endpoint`, found while another delivery of the same request is under way, must verify it all the same.

    So where nobody has found the request genuine yet, and the one outside is but a guess (a header makes it, and
    a stranger the header), or the handler's own decorator is only known inside.
    """
    if not endpoint.verifies or endpoint is outer.endpoint:
        return False
    verdict = outer.record.signature
    if verdict is not None and verdict.valid:
        return False
    return outer.endpoint.detected or endpoint.source == "decorator"


def is_excluded(path: str, endpoint: Endpoint) -> bool:
    """Whether `OTEL_PYTHON_OUTWORX_EXCLUDED_URLS` names this path.

    The general `OTEL_PYTHON_EXCLUDED_URLS` is about traces: it does not let a delivery in unverified.
    """
    if _excluded is None:
        read_excluded_urls()
    if _excluded is None or (endpoint.verifies and _OWN_VARIABLE not in os.environ):
        return False
    return _excluded.url_disabled(path)
