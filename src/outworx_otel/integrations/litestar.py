"""Litestar: the front door is `Litestar.__call__`, the seam is where a route's handler is called.

What Litestar looks up once, when a route is registered (`handle`, the middleware round it), is no place for either:
`_get_response_for_request` and the router are looked up at every request.

By hand: `middleware=[DefineMiddleware(OutworxHooksMiddleware, options=TrackOptions(...))]`, which is the one of
`outworx_otel.integrations.asgi`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import litestar
from litestar._asgi.asgi_router import ASGIRouter
from litestar.exceptions import HTTPException
from litestar.routes import ASGIRoute, HTTPRoute
from litestar.types import Empty
from litestar.utils import normalize_path
from litestar.utils.scope.state import ScopeState

from outworx_otel.delivery.flow import run_async
from outworx_otel.integrations._adapter import Found, LetBy, let_by
from outworx_otel.integrations._asgi import ASGIAdapter, Door, Seam, arguments, concern_of, refusing
from outworx_otel.integrations._instrumentor import ApplicationInstrumentor
from outworx_otel.integrations._intake import Receive
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations._scope import ASGIApp, Scope, Send, served_path
from outworx_otel.integrations._selection import choose, has_own_say, other_urls
from outworx_otel.integrations._visit import VISIT
from outworx_otel.integrations.asgi import OutworxHooksMiddleware, flushing_at_shutdown
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.guarding import any_guarded
from outworx_otel.setup.runtime import current

__all__ = ["LitestarInstrumentor", "OutworxHooksMiddleware"]


class _Native(ASGIAdapter):
    """Litestar's request for users' functions, and the statuses of its exceptions."""

    def native(self) -> Any:
        parameters = self._parameters or self.scope.get("path_params", {})
        return litestar.Request({**self.scope, "path_params": parameters}, self.intake.replay())  # type: ignore[arg-type]

    def status_of(self, error: BaseException) -> int | None:
        return error.status_code if isinstance(error, HTTPException) else super().status_of(error)


class _Door(_Native, Door):
    """The door of a Litestar application."""


class _Seam(_Native, Seam):
    """The seam in a Litestar route."""


def _find(router: Any, path: str, method: str) -> Found | None:
    """What the router says of a path; None for Litestar's own 404 and 405."""
    try:
        _, handler, _, parameters, template = router.handle_routing(path=normalize_path(path), method=method)
    except HTTPException:
        return None
    return Found(template, _function(handler), parameters)


def _function(handler: Any) -> Any:
    """The user's own: Litestar wraps a sync one that is to run in a thread."""
    return getattr(handler.fn, "func", handler.fn)


def _door(wrapped: ASGIApp, app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[None]:
    """Every request of every application passes here."""
    scope, receive, send = arguments(*args, **kwargs)
    if scope["type"] == "lifespan" and REACH.covers(app):
        return wrapped(scope, receive, flushing_at_shutdown(send))
    if scope["type"] != "http" or VISIT in scope or not REACH.covers(app):
        return wrapped(scope, receive, send)
    runtime, router = current(), app.asgi_router
    concern = concern_of(runtime, scope, False)
    if concern is None:
        return wrapped(scope, receive, send)
    lookup = partial(_find, router, served_path(scope), scope["method"])
    door = _Door(
        *concern, scope, receive, send, runtime, lookup, lambda: (route.path_format for route in app.routes)
    )
    return door.run(wrapped)


def _mount(wrapped: ASGIApp, router: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[None]:
    """Runs a mounted ASGI application inside the door's delivery: it has no other seam."""
    scope, receive, send = arguments(*args, **kwargs)
    visit = scope.get(VISIT)
    if visit is None or visit.taken or not REACH.covers(router.app):
        return wrapped(scope, receive, send)
    routed = _find(router, served_path(scope), scope["method"])
    handler = None if routed is None else routed.handler
    for route in router.app.routes:
        if isinstance(route, ASGIRoute) and _function(route.route_handler) is handler:
            endpoint, found = visit.delivery.endpoint, Found(route.path_format, handler, {})
            return _Seam(endpoint, scope, receive, send, current(), visit, found).run(wrapped)
    return wrapped(scope, receive, send)


async def _gate(
    wrapped: Callable[..., Any], route: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Runs a handler inside a delivery, where the request is one: when its answer is asked for."""
    scope, request, handler = kwargs["scope"], kwargs["request"], _function(kwargs["route_handler"])
    if not REACH.covers(scope["app"]):
        return await wrapped(**kwargs)
    runtime, visit, router, method = current(), scope.get(VISIT), scope["app"].asgi_router, scope["method"]
    parameters, template = scope["path_params"], scope.get("path_template") or route.path_format

    def elsewhere() -> Any:
        return other_urls(runtime).find(router, handler, parameters, lambda path: _find(router, path, "POST"))

    chosen = choose(
        runtime, visit, handler, method, scope["path"], served_path(scope), lambda: template,
        elsewhere=elsewhere if runtime.endpoints else None,
    )  # fmt: skip

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request.receive, request.send = receive, send
        response = await wrapped(**kwargs)
        await response(scope, receive, send)

    def answer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if isinstance(chosen, LetBy):
            return run_async(let_by(chosen.endpoint, lambda: handle(scope, receive, send)))
        if chosen is None:
            return refusing(handle(scope, receive, send), scope, receive, send, runtime)
        found = Found(template, handler, parameters)
        return _Seam(chosen, scope, receive, send, runtime, visit, found, _read_ahead).run(handle)

    if chosen is None and not any_guarded():
        return await wrapped(**kwargs)
    if isinstance(chosen, Endpoint) and visit is not None and visit.taken and not has_own_say(chosen, visit):
        return await wrapped(**kwargs)
    return answer


async def _read_ahead(seam: Any) -> None:
    """What a middleware or a guard has read is kept by Litestar, and no longer in the stream."""
    kept = ScopeState.from_scope(seam.scope).body

    async def once() -> Any:
        return {"type": "http.request", "body": kept, "more_body": False}

    await seam.intake.read_ahead(None if kept is Empty else once)


REACH: Final = Reach()


class LitestarInstrumentor(ApplicationInstrumentor):
    """One webhook span per delivery to Litestar routes, and to ASGI applications mounted among them."""

    framework, application, reach = "litestar", litestar.Litestar, REACH
    patches = (
        Patch(litestar.Litestar, "__call__", _door),
        Patch(ASGIRouter, "__call__", _mount),
        Patch(HTTPRoute, "_get_response_for_request", _gate),
    )
