"""Starlette: `Route.handle` is wrapped, as far inside as the route is known.

A class-level method looked up at every request: import order, app-creation order and other instrumentors do
not matter, and the framework's own SERVER span, where there is one, is already current.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

import starlette.routing
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from starlette.applications import Starlette

from outworx_otel.bootstrap import prepare
from outworx_otel.endpoints import current
from outworx_otel.integrations._gate import select
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations.asgi import UNDER_WAY, ASGIApp, Exchange, Receive, Scope, Send
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as _AnyASGIMiddleware

# Starlette 1.10 and newer limit bodies by route.
_BodyLimit: Any = None
with contextlib.suppress(ImportError):
    from starlette.middleware.body_limit import RequestBodyLimitMiddleware as _BodyLimit

_CHECKED: Final = "outworx_otel.checked"


class StarletteInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to Starlette routes."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("starlette >= 0.36",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(**kwargs)
        REACH.open("starlette")
        ROUTE.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if REACH.close("starlette"):
            ROUTE.remove()

    @staticmethod
    def instrument_app(app: Starlette, **kwargs: Any) -> None:
        """Acts on one application (and not on those mounted in it); arguments as for `instrument`."""
        prepare(strict=True, **kwargs)
        REACH.add(app)
        ROUTE.apply()

    @staticmethod
    def uninstrument_app(app: Starlette) -> None:
        """Leaves one application alone again."""
        REACH.remove(app)


def gate(wrapped: ASGIApp, route: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[None]:
    """Runs a route's `handle` inside a delivery, where the request is one."""
    scope, receive, send = _arguments(*args, **kwargs)
    if scope.get("type") != "http" or UNDER_WAY in scope or scope.get(_CHECKED) is route:
        return wrapped(scope, receive, send)
    if not REACH.covers(scope.get("app")):
        return wrapped(scope, receive, send)
    scope[_CHECKED] = route
    method = scope.get("method", "")
    context = _fastapi_context(scope, route)
    methods = route.methods if context is None else context.methods
    if methods and method not in methods:
        return wrapped(scope, receive, send)
    endpoint = select(
        current(),
        route.endpoint,
        method,
        scope.get("path", ""),
        lambda: _template(scope, route, context),
        scope.get("headers") or (),
    )
    if endpoint is None:
        return wrapped(scope, receive, send)
    exchange = Exchange(endpoint, scope, receive, send, _template(scope, route, context))
    limit = getattr(route if context is None else context, "max_body_size", None)
    return exchange.run(wrapped, _drain_within(limit) if isinstance(limit, int) else None)


def _arguments(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    return scope, receive, send


def _fastapi_context(scope: Scope, route: Any) -> Any:
    """What FastAPI (0.140 and newer) keeps of a route in an included router; private, so read with care."""
    fastapi = scope.get("fastapi")
    context = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    return context if getattr(context, "original_route", None) is route else None


def _template(scope: Scope, route: Any, context: Any) -> str | None:
    path = getattr(context, "path_format", None) or getattr(route, "path_format", None)
    if path is None:
        path = getattr(scope.get("route"), "path", None)
    # Below a Mount, Starlette appends the mounted part to root_path.
    mounted = (
        scope.get("root_path", "")[len(scope.get("app_root_path", "")) :] if "app_root_path" in scope else ""
    )
    return None if path is None else mounted + path


def _drain_within(limit: int) -> Callable[[Exchange], Awaitable[None]] | None:
    """Reads ahead under the route's own limit, which may be wider than the application's.

    Starlette raises an outer limit only inside the route's application, after `handle` has begun.
    """
    if _BodyLimit is None:
        return None

    async def drain(exchange: Exchange) -> None:
        async def read(scope: Scope, receive: Receive, send: Send) -> None:
            await exchange.read_ahead(receive)

        limited = _BodyLimit(read, max_body_size=limit)
        await limited(exchange.scope, exchange.upstream, exchange.send)

    return drain


class OutworxHooksMiddleware(_AnyASGIMiddleware):
    """The hand-mounted adapter: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.

    What ends as the framework's own 404 or 405 passes untouched and unreported.
    """

    def find_route(self, scope: Scope) -> tuple[bool, Any, str | None]:
        """Asks the application's routes, as its router will."""
        routes = getattr(scope.get("app"), "routes", None)
        return (True, None, None) if routes is None else _find(routes, dict(scope), "")


def _find(routes: Any, scope: Scope, mounted: str) -> tuple[bool, Any, str | None]:
    for route in routes:
        match, child = route.matches(scope)
        if match is not starlette.routing.Match.FULL:
            continue
        path = getattr(child.get("route", route), "path", None) or ""
        inner = getattr(route, "routes", None)
        if inner and isinstance(route, starlette.routing.Mount):
            return _find(inner, {**scope, **child}, mounted + path)
        return True, child.get("endpoint"), mounted + path
    return False, None, None


REACH: Final = Reach()
ROUTE: Final = Patch(starlette.routing.Route, "handle", gate)
