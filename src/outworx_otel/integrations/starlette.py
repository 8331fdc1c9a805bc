"""Starlette: `Route.handle` is wrapped, as far inside as the route is known.

A class-level method looked up at every request: import order, app-creation order and other instrumentors do
not matter, and the framework's own SERVER span, where there is one, is already current.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any, Final

import starlette.routing
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint

from outworx_otel.integrations._exchange import UNDER_WAY, Exchange, Raised
from outworx_otel.integrations._gate import has_own_say, select
from outworx_otel.integrations._intake import Receive
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations._scope import ASGIApp, Scope, Send, served_path
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as _AnyASGIMiddleware
from outworx_otel.integrations.asgi import flushing_at_shutdown
from outworx_otel.setup.bootstrap import prepare
from outworx_otel.setup.endpoints import LISTENED, passes
from outworx_otel.setup.runtime import current

# Starlette 1.10 and newer limit bodies by route.
_BodyLimit: Any = None
with contextlib.suppress(ImportError):
    from starlette.middleware.body_limit import RequestBodyLimitMiddleware as _BodyLimit

_CHECKED: Final = "outworx_otel.checked"


class StarletteInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to Starlette routes.

    `StarletteInstrumentor().instrument()` acts on every application, `StarletteInstrumentor.instrument_app(app)` on
    one. Both take `tracer_provider`, `meter_provider` and `endpoints`, as `outworx_otel.instrument` does.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("starlette >= 0.36",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(**kwargs)
        REACH.open("starlette")
        ROUTE.apply()
        LIFESPAN.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if REACH.close("starlette"):
            for patch in PATCHES:
                patch.remove()

    @staticmethod
    def instrument_app(app: Starlette, **kwargs: Any) -> None:
        """Acts on one application (and not on those mounted in it); arguments as for `instrument`."""
        prepare(strict=True, **kwargs)
        REACH.add(app)
        ROUTE.apply()
        LIFESPAN.apply()

    @staticmethod
    def uninstrument_app(app: Starlette) -> None:
        """Leaves one application alone again."""
        REACH.remove(app)


def gate(wrapped: ASGIApp, route: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[None]:
    """Runs a route's `handle` inside a delivery, where the request is one."""
    scope, receive, send = args if len(args) == 3 else _arguments(*args, **kwargs)
    method = scope.get("method", "")
    # Older Starlette's class-based endpoints take "post" for POST, and h11 lets it in.
    if method.upper() not in LISTENED and passes(method, scope.get("headers") or ()):
        return wrapped(scope, receive, send)
    # FastAPI's `handle` calls Starlette's: once is enough.
    if scope.get(_CHECKED) is route or scope.get("type") != "http":
        return wrapped(scope, receive, send)
    if not REACH.covers(scope.get("app")):
        return wrapped(scope, receive, send)
    scope[_CHECKED] = route
    context = _fastapi_context(scope, route) if "fastapi" in scope else None
    methods = route.methods if context is None else context.methods
    handler = route.endpoint
    if (methods and method not in methods) or (isinstance(handler, type) and _lacks_method(handler, method)):
        return wrapped(scope, receive, send)
    path, headers = scope.get("path", ""), scope.get("headers") or ()
    endpoint = select(
        current(),
        handler,
        method.upper(),
        path,
        served_path(scope),
        headers,
        _template,
        scope,
        route,
        context,
    )
    outer = scope.get(UNDER_WAY)
    if endpoint is None or (outer is not None and not has_own_say(endpoint, outer)):
        return wrapped(scope, receive, send)
    exchange = Exchange(endpoint, scope, receive, send, _template(scope, route, context), handler)
    handlers = scope.get("starlette.exception_handlers")
    if isinstance(handlers, tuple):
        scope["starlette.exception_handlers"] = (
            _WatchedHandlers(handlers[0], exchange.raised),
            *handlers[1:],
        )
    limit = _body_limit(route if context is None else context)
    return exchange.run(wrapped, _drain_within(limit) if limit is not None else None)


def _lacks_method(endpoint: Any, method: str) -> bool:
    """Whether a class-based endpoint is about to answer 405."""
    return (
        isinstance(endpoint, type)
        and issubclass(endpoint, HTTPEndpoint)
        and endpoint.dispatch is HTTPEndpoint.dispatch
        and not hasattr(endpoint, method.lower())
    )


def _body_limit(route: Any) -> int | None:
    """A route's own `max_body_size`: FastAPI's routes say it, Starlette's are wrapped in it."""
    limit = getattr(route, "max_body_size", None)
    if limit is None and _BodyLimit is not None and isinstance(route.app, _BodyLimit):
        limit = route.app.max_body_size
    return limit if isinstance(limit, int) else None


class _WatchedHandlers(dict[Any, Any]):
    """An application's exception handlers; notes the exception that one of them answers.

    Starlette applies them inside the route, so that nothing but the answer comes out of it.
    """

    def __init__(self, handlers: Mapping[Any, Any], raised: Raised) -> None:
        super().__init__(handlers)
        self._raised = raised

    def __getitem__(self, kind: Any) -> Any:
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not _is_the_frameworks(error):
            self._raised.error = error
        return super().__getitem__(kind)


def _is_the_frameworks(error: Exception) -> bool:
    """Whether an exception is an answer by nature: HTTPException, FastAPI's RequestValidationError."""
    return any(kind.__module__.startswith(("starlette.", "fastapi.")) for kind in type(error).__mro__)


def _lifespan(
    wrapped: ASGIApp, router: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Awaitable[None]:
    scope, receive, send = _arguments(*args, **kwargs)
    return wrapped(scope, receive, flushing_at_shutdown(send))


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
    return None if path is None else _without_values(mounted, scope, route) + path


def _without_values(mounted: str, scope: Scope, route: Any) -> str:
    """The mounted part with its parameters' names again, so that routes stay few."""
    for name, value in scope.get("path_params", {}).items() if mounted else ():
        if name not in getattr(route, "param_convertors", ()):
            before, found, after = (mounted + "/").partition(f"/{value}/")
            if found:
                mounted = f"{before}/{{{name}}}/{after}"[:-1]
    return mounted


def _drain_within(limit: int) -> Callable[[Exchange], Awaitable[None]] | None:
    """Reads ahead under the route's own limit, which may be wider than the application's.

    Starlette raises an outer limit only inside the route's application, after `handle` has begun.
    """
    if _BodyLimit is None:
        return None

    async def drain(exchange: Exchange) -> None:
        async def read(scope: Scope, receive: Receive, send: Send) -> None:
            await exchange.intake.read_ahead(receive)

        limited = _BodyLimit(read, max_body_size=limit)
        await limited(exchange.scope, exchange.intake.upstream, exchange.send)

    return drain


class OutworxHooksMiddleware(_AnyASGIMiddleware):
    """The hand-mounted adapter: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.

    It concerns itself with every POST, PUT and PATCH to the application (`methods`), unless the options name
    `paths`: with a secret and no paths, whatever else is posted is turned away as unsigned. What ends as the
    framework's own 404 or 405 passes untouched and unreported.
    """

    def find_route(self, scope: Scope) -> tuple[bool, Any, str | None]:
        """Asks the application's routes, as its router will."""
        routes = getattr(scope.get("app"), "routes", None)
        return (True, None, None) if routes is None else _find(routes, dict(scope), "")


def _find(routes: Any, scope: Scope, mounted: str) -> tuple[bool, Any, str | None]:
    for route in _each(routes):
        match, child = route.matches(scope)
        if match is not starlette.routing.Match.FULL:
            continue
        if _lacks_method(child.get("endpoint"), scope["method"]):
            return False, None, None
        if isinstance(route, starlette.routing.Mount):
            mounted += route.path
            if route.routes:
                return _find(route.routes, {**scope, **child}, mounted)
            return True, child.get("endpoint"), mounted
        return True, child.get("endpoint"), mounted + (getattr(route, "path_format", None) or "")
    return False, None, None


def _each(routes: Any) -> Iterator[Any]:
    """Routes, with FastAPI's included routers (0.140 and newer keep them whole; private) taken apart."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            for context in contexts():
                yield getattr(context, "starlette_route", None) or context


REACH: Final = Reach()
ROUTE: Final = Patch(starlette.routing.Route, "handle", gate)
LIFESPAN: Final = Patch(starlette.routing.Router, "lifespan", _lifespan)
# FastAPI's is among them once that is imported: whichever instrumentor goes last takes all out.
PATCHES: Final = [ROUTE, LIFESPAN]
