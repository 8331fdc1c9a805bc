"""The seams inside a Starlette router: which delivery a route, a mounted application or a router's default runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import starlette.routing
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match

from outworx_otel.delivery.flow import run_async
from outworx_otel.integrations._adapter import Found, LetBy, let_by
from outworx_otel.integrations._asgi import Raised, Seam, arguments, refusing
from outworx_otel.integrations._door import is_opened
from outworx_otel.integrations._inside import layers
from outworx_otel.integrations._intake import Receive
from outworx_otel.integrations._scope import ASGIApp, Scope, Send, served_path
from outworx_otel.integrations._selection import choose, greeted, has_own_say, other_urls
from outworx_otel.integrations._visit import PASSED, VISIT, Visit, visit_of_scope
from outworx_otel.integrations.asgi import MOUNTED, OutworxHooksMiddleware
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.guarding import any_guarded
from outworx_otel.setup.marking import marked
from outworx_otel.setup.runtime import Runtime, current

# Starlette 1.10 and newer limit bodies by route.
_BodyLimit: Any = None
with contextlib.suppress(ImportError):
    from starlette.middleware.body_limit import RequestBodyLimitMiddleware as _BodyLimit

_CHECKED: Final = "outworx_otel.checked"
# The templates of the Mounts that a request has come through.
_MOUNTS: Final = "outworx_otel.mounts"
_KNOWN_PLAIN: Final = "_outworx_plain"
_RUNS_GET: Final = {"HEAD": "GET"}


def _nobody(app: Any) -> bool:
    return False


# Whether an instrumentor acts on an application; set by `starlette.py`.
covers: Callable[[Any], bool] = _nobody


def route_gate(
    wrapped: ASGIApp, route: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Awaitable[None]:
    """Runs a route's `handle` inside a delivery, where the request is one."""
    scope, receive, send = args if len(args) == 3 else arguments(*args, **kwargs)
    runtime = current()
    if scope.get(PASSED) is scope.get("path", "") and route.endpoint in runtime.plain:
        passing = wrapped(scope, receive, send)
        return refusing(passing, scope, receive, send, runtime) if any_guarded() else passing
    # FastAPI's `handle` calls Starlette's: once is enough.
    if scope.get(_CHECKED) is route or scope.get("type") != "http":
        return wrapped(scope, receive, send)
    mounted = scope.get(MOUNTED)
    if mounted is None and not covers(scope.get("app")):
        return wrapped(scope, receive, send)
    scope[_CHECKED] = route
    context = _fastapi_context(scope, route) if "fastapi" in scope else None
    method, handler = scope.get("method", ""), route.endpoint
    methods = route.methods if context is None else context.methods
    if (methods and method not in methods) or _lacks_method(handler, method):
        own = None if mounted is not None else greeted(handler, method.upper())
        if own is None or visit_of_scope(scope) is not None:
            return wrapped(scope, receive, send)
        found = Found(template(scope, route, context), handler, scope.get("path_params", {}))
        return Seam(own, scope, receive, send, runtime, None, found).run(wrapped)
    visit = scope.get(VISIT) or visit_of_scope(scope)
    chosen: Endpoint | LetBy | None
    if visit is not None and visit.configured and mounted is None and marked(handler, method.upper()) is None:
        chosen = visit.delivery.endpoint
    else:
        chosen = _choose(runtime, visit, scope, handler, method, mounted, route, context)
    if chosen is None or isinstance(chosen, LetBy):
        return _passing(wrapped, scope, receive, send, chosen, runtime)
    if visit is not None and visit.taken and not has_own_say(chosen, visit):
        visit.delivery.routed(template(scope, route, context), handler)
        return wrapped(scope, receive, send)
    found = Found(template(scope, route, context), handler, scope.get("path_params", {}))
    limit = _body_limit(route if context is None else context)
    drain = _drain_within(limit) if limit is not None else None
    seam = Seam(chosen, scope, receive, send, runtime, visit, found, drain)
    handlers = scope.get("starlette.exception_handlers")
    if isinstance(handlers, tuple):
        scope["starlette.exception_handlers"] = (_WatchedHandlers(handlers[0], seam.raised), *handlers[1:])
    return seam.run(wrapped)


def _choose(
    runtime: Runtime,
    visit: Visit | None,
    scope: Scope,
    handler: Any,
    method: str,
    mounted: Any,
    route: Any,
    context: Any,
) -> Endpoint | LetBy | None:
    path, within, method = scope.get("path", ""), served_path(scope), method.upper()
    by_hand = None if mounted is None else mounted.endpoint_for(method, path, within)
    if mounted is not None and not covers(scope.get("app")):
        # Nothing is instrumented: the adapter's own options, and the handler's mark, are all there is.
        if visit is not None:
            return (
                visit.delivery.endpoint if marked(handler, method) is None else _own(visit, handler, method)
            )
        chosen: Endpoint | LetBy | None = marked(handler, method) or by_hand
        if isinstance(chosen, Endpoint) and not chosen.may_listen_to(method):
            return LetBy(chosen)
        return chosen
    app = scope.get("app")
    routes = getattr(app, "routes", None)

    def elsewhere() -> Endpoint | None:
        return other_urls(runtime).find(
            app,
            handler,
            scope.get("path_params", {}),
            lambda path: find(routes, {"type": "http", "method": "POST", "path": path, "headers": ()}),
        )

    return choose(
        runtime,
        visit,
        handler,
        method,
        path,
        within,
        template,
        scope,
        route,
        context,
        mounted=by_hand,
        elsewhere=elsewhere if runtime.endpoints and routes is not None else None,
    )


def _own(visit: Visit, handler: Any, method: str) -> Endpoint:
    own = marked(handler, method)
    return visit.delivery.endpoint if own is None else own


def _passing(
    wrapped: ASGIApp, scope: Scope, receive: Receive, send: Send, let: LetBy | None, runtime: Runtime
) -> Awaitable[None]:
    if let is not None:
        return run_async(let_by(let.endpoint, lambda: wrapped(scope, receive, send)))
    passing = wrapped(scope, receive, send)
    return refusing(passing, scope, receive, send, runtime) if any_guarded() else passing


def mount_gate(
    wrapped: ASGIApp, route: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Awaitable[None]:
    """Runs a mounted application inside a delivery, where the request is one and no seam of ours lies further in."""
    scope, receive, send = args if len(args) == 3 else arguments(*args, **kwargs)
    if scope.get("type") != "http":
        return wrapped(scope, receive, send)
    if scope.get(PASSED) is not scope.get("path", "") or "{" in getattr(route, "path", ""):
        scope[_MOUNTS] = scope.get(_MOUNTS, "") + getattr(route, "path", "")
    runtime = current()
    visit = _to_be_served(scope, runtime)
    if visit is False:
        return wrapped(scope, receive, send)
    inner = getattr(route, "_base_app", route.app)
    if has_seam(inner):
        return wrapped(scope, receive, send)
    return _serve_here(
        wrapped, scope, receive, send, runtime, visit, Found(_mounted(scope, route), inner, {})
    )


def _to_be_served(scope: Scope, runtime: Runtime) -> Visit | Literal[False] | None:
    """The visit of a request that no seam has taken yet; False where it concerns nothing, or was taken.

    None where the door has not seen the path that a middleware has made of the request's.
    """
    path = scope.get("path", "")
    if scope.get(PASSED) is path:
        return False
    visit = scope.get(VISIT) or visit_of_scope(scope)
    if visit is not None:
        return False if visit.taken else visit
    if runtime.at_path(path, served_path(scope)) is None or not covers(scope.get("app")):
        return False
    return None


def _serve_here(
    wrapped: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
    runtime: Runtime,
    visit: Visit | None,
    found: Found,
) -> Awaitable[None]:
    """Runs what is no route of ours inside a delivery, where the request is one."""
    path, method = scope.get("path", ""), scope.get("method", "").upper()
    endpoint = runtime.at_path(path, served_path(scope)) if visit is None else visit.delivery.endpoint
    if endpoint is None or not endpoint.may_listen_to(method) or is_opened(path, endpoint, runtime):
        return wrapped(scope, receive, send)
    return Seam(endpoint, scope, receive, send, runtime, visit, found).run(wrapped)


def has_seam(app: Any) -> bool:
    """Whether an application that is mounted will meet a seam of ours: it has routes, or is instrumented."""
    return any(
        isinstance(layer, starlette.routing.Router | OutworxHooksMiddleware)
        or getattr(layer, "routes", None)
        or instrumented_elsewhere(layer)
        for layer in layers(app)
    )


def instrumented_elsewhere(app: Any) -> bool:
    """Whether `app` is one of another framework that is instrumented too."""
    for name, attribute in (("flask", "Flask"), ("django.core.handlers.base", "BaseHandler")):
        framework = sys.modules.get(name)
        kind = getattr(framework, attribute, None)
        if kind is not None and isinstance(app, kind):
            module = sys.modules.get(f"outworx_otel.integrations.{name.partition('.')[0]}")
            reach = getattr(module, "REACH", None)
            return reach is not None and reach.covers(app)
    return False


def router_gate(
    wrapped: ASGIApp, router: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Awaitable[None]:
    """Guards what a router serves without a seam of ours: its default, a route class with a `handle` of its own."""
    scope, receive, send = args if len(args) == 3 else arguments(*args, **kwargs)
    path = scope.get(PASSED)
    if (path is not None and path is scope.get("path")) or scope.get("type") != "http":
        return wrapped(scope, receive, send)
    runtime = current()
    visit = _to_be_served(scope, runtime)
    if visit is False:
        return wrapped(scope, receive, send)
    if _is_plain(router):
        return wrapped(scope, receive, send)
    served = _served_without_seam(router, scope)
    if served is None:
        return wrapped(scope, receive, send)
    return _serve_here(wrapped, scope, receive, send, runtime, visit, served)


def _is_plain(router: Any) -> bool:
    """Whether every route of a router has a seam of ours, and its default is the framework's."""
    known = router.__dict__.get(_KNOWN_PLAIN)
    if known is not None and known[0] == len(router.routes) and known[1] == router.default:
        return known[2] is True
    default = getattr(router.default, "__func__", None)
    plain = default is starlette.routing.Router.not_found and all(map(_has_gate, router.routes))
    router.__dict__[_KNOWN_PLAIN] = (len(router.routes), router.default, plain)
    return plain


def _has_gate(route: Any) -> bool:
    handle = getattr(type(route).handle, "__wrapped__", None)
    if handle is not None and getattr(type(route).handle, "_self_wrapper", None) in _GATES:
        return True
    # FastAPI's included routers dispatch to routes of their own (0.140 and newer; private).
    inner = getattr(route, "original_router", None)
    return inner is not None and _is_plain(inner)


def _served_without_seam(router: Any, scope: Scope) -> Found | None:
    """What will serve the request in this router, if that has no seam; None where a seam will, or nothing."""
    partial = None
    for route in router.routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return (
                None
                if _has_gate(route)
                else Found(getattr(route, "path_format", None), child.get("endpoint"), {})
            )
        if match is Match.PARTIAL and partial is None:
            partial = route
    if partial is not None:
        return None if _has_gate(partial) else Found(getattr(partial, "path_format", None), None, {})
    if getattr(router.default, "__func__", None) is starlette.routing.Router.not_found:
        return None
    return Found(None, router.default, {})


def _lacks_method(endpoint: Any, method: str) -> bool:
    """Whether a class-based endpoint is about to answer 405."""
    return (
        isinstance(endpoint, type)
        and issubclass(endpoint, HTTPEndpoint)
        and endpoint.dispatch is HTTPEndpoint.dispatch
        and not hasattr(endpoint, method.lower())
        and not hasattr(endpoint, _RUNS_GET.get(method, method).lower())
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


def _fastapi_context(scope: Scope, route: Any) -> Any:
    """What FastAPI (0.140 and newer) keeps of a route in an included router; private, so read with care."""
    fastapi = scope.get("fastapi")
    context = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    return context if getattr(context, "original_route", None) is route else None


def template(scope: Scope, route: Any, context: Any) -> str | None:
    """The template of a route, with what it is mounted below."""
    path = getattr(context, "path_format", None) or getattr(route, "path_format", None)
    if path is None:
        path = getattr(scope.get("route"), "path", None)
    return None if path is None else _mounted_part(scope) + path


def _mounted(scope: Scope, route: Any) -> str | None:
    """The template of a mounted application."""
    return _mounted_part(scope) or getattr(route, "path", None) or None


def _mounted_part(scope: Scope) -> str:
    """What the route is mounted below, as templates: parameters by their names, whatever their values."""
    mounts: str | None = scope.get(_MOUNTS)
    if mounts is not None:
        return mounts
    # Below a Mount, Starlette appends the mounted part to root_path.
    if "app_root_path" not in scope:
        return ""
    mounted: str = scope.get("root_path", "")[len(scope.get("app_root_path", "")) :]
    return mounted


def _drain_within(limit: int) -> Callable[[Seam], Awaitable[None]] | None:
    """Reads ahead under the route's own limit, which may be wider than the application's.

    Starlette raises an outer limit only inside the route's application, after `handle` has begun.
    """
    if _BodyLimit is None:
        return None

    async def drain(seam: Seam) -> None:
        async def read(scope: Scope, receive: Receive, send: Send) -> None:
            await seam.intake.read_ahead(receive)

        limited = _BodyLimit(read, max_body_size=limit)
        await limited(seam.scope, seam.intake.upstream, seam.send)

    return drain


def find(routes: Any, scope: Scope, mounted: str = "") -> Found | None:
    """What a router's routes say of a request, before they are asked; None for the framework's own 404 and 405."""
    for route in _each(routes):
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        if _lacks_method(child.get("endpoint"), scope["method"]):
            return None
        parameters = child.get("path_params", {})
        if isinstance(route, starlette.routing.Mount):
            mounted += route.path
        if isinstance(route, starlette.routing.Mount | starlette.routing.Host):
            found = find(route.routes, {**scope, **child}, mounted) if route.routes else None
            if found is None and not (route.routes and _adds_nothing(route)):
                # What is mounted may rewrite the request, or serve it without routes.
                return Found(mounted or None, child.get("endpoint"), parameters)
            return found
        return Found(
            mounted + (getattr(route, "path_format", None) or "") or None, child.get("endpoint"), parameters
        )
    return None


def _adds_nothing(route: Any) -> bool:
    """Whether nothing stands between a Mount or Host and the routes inside it."""
    inner = getattr(route, "_base_app", route.app)
    return inner is route.app and not getattr(inner, "user_middleware", ())


def templates(routes: Any, mounted: str = "") -> Iterator[str]:
    """The templates of all routes."""
    for route in _each(routes):
        if isinstance(route, starlette.routing.Mount):
            yield from templates(route.routes, mounted + route.path)
        elif getattr(route, "path_format", None):
            yield mounted + route.path_format


def _each(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes, with FastAPI's included routers (0.140 and newer keep them whole; private) taken apart."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            for context in contexts():
                yield getattr(context, "starlette_route", None) or context


def only_routes_serve(app: Any) -> bool:
    """Whether an application's router serves nothing but what its routes match."""
    router = getattr(app, "router", None)
    return router is not None and _is_plain(router)


async def answer_by_router(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """The router's own 404 or 405, outside of the application's middleware."""
    await ExceptionMiddleware(app.router.app, handlers=app.exception_handlers)(scope, receive, send)


_GATES: Final = (route_gate, mount_gate)
