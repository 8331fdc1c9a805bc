"""Starlette: the front door is `Starlette.__call__`, the seam is `Route.handle`, as far inside as the route is known.

Both are class-level methods that are looked up at every request: import order, app-creation order and other
instrumentors do not matter, and the framework's own SERVER span, where there is one, is already current at the seam.
What a router serves in another way (a mounted application, its default, a route class of the application's own) has
seams at `Mount.handle`, `Host.handle` and `Router.__call__`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import starlette.routing
from starlette.applications import Starlette

from outworx_otel.integrations import _starlette as seams
from outworx_otel.integrations._adapter import Found
from outworx_otel.integrations._asgi import Door, arguments, concern_of
from outworx_otel.integrations._instrumentor import ApplicationInstrumentor
from outworx_otel.integrations._intake import Receive
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations._scope import ASGIApp, Scope, Send
from outworx_otel.integrations._visit import VISIT, visit_of_scope
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as _AnyASGIMiddleware
from outworx_otel.integrations.asgi import flushing_at_shutdown
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.runtime import current


def _door(wrapped: ASGIApp, app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[None]:
    """Every request of every application passes here."""
    scope, receive, send = args if len(args) == 3 else arguments(*args, **kwargs)
    if scope["type"] != "http" or VISIT in scope or not REACH.covers(app):
        return wrapped(scope, receive, send)
    runtime = current()
    concern = concern_of(runtime, scope, True)
    if concern is None or visit_of_scope(scope) is not None:
        return wrapped(scope, receive, send)
    routes = getattr(app, "routes", ())
    door = Door(
        concern[0],
        concern[1],
        scope,
        receive,
        send,
        runtime,
        lambda: seams.find(routes, dict(scope)),
        lambda: seams.templates(routes),
    )
    return door.run(wrapped)


def _lifespan(
    wrapped: ASGIApp, router: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Awaitable[None]:
    scope, receive, send = arguments(*args, **kwargs)
    return wrapped(scope, receive, flushing_at_shutdown(send))


class OutworxHooksMiddleware(_AnyASGIMiddleware):
    """The hand-mounted adapter: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.

    It concerns itself with every POST, PUT and PATCH to the application (`methods`), unless the options name
    `paths`: with a secret and no paths, whatever else is posted is turned away as unsigned. What ends as the
    framework's own 404 or 405 passes untouched and unreported.
    """

    def __init__(self, app: ASGIApp, options: TrackOptions) -> None:
        super().__init__(app, options)
        StarletteInstrumentor.apply()

    def seam_inside(self) -> bool:
        """Whether routes lie inside: their seams know of this adapter."""
        StarletteInstrumentor.apply()
        return seams.has_seam(self.app)

    def routing(self, scope: Scope) -> Callable[[], Found | None] | None:
        """Asks the application's routes, as its router will."""
        routes = getattr(scope.get("app"), "routes", None)
        if routes is None:
            return None
        path = scope["path"]
        # The router may redirect to the same path with a slash at its end, or without.
        other = path[:-1] if path.endswith("/") else f"{path}/"
        return lambda: seams.find(routes, dict(scope)) or seams.find(routes, {**scope, "path": other})

    def only_routes_serve(self, scope: Scope) -> bool:
        """Whether nothing but routes serves requests, so that the router may be asked for its 404 and 405."""
        return seams.only_routes_serve(scope.get("app"))

    async def framework_answers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the router alone answer: no code of the application runs on what was not verified."""
        await seams.answer_by_router(scope["app"], scope, receive, send)


REACH: Final = Reach()
seams.covers = REACH.covers
DOOR: Final = Patch(Starlette, "__call__", _door)
ROUTE: Final = Patch(starlette.routing.Route, "handle", seams.route_gate)
MOUNT: Final = Patch(starlette.routing.Mount, "handle", seams.mount_gate)
HOST: Final = Patch(starlette.routing.Host, "handle", seams.mount_gate)
ROUTER: Final = Patch(starlette.routing.Router, "__call__", seams.router_gate)
LIFESPAN: Final = Patch(starlette.routing.Router, "lifespan", _lifespan)
# FastAPI's are among them once that is imported: whichever instrumentor goes last takes all out.
PATCHES: Final = [DOOR, ROUTE, MOUNT, HOST, ROUTER, LIFESPAN]


class StarletteInstrumentor(ApplicationInstrumentor):
    """One webhook span per delivery to Starlette applications; `instrument_app` leaves those mounted in it alone."""

    framework, application = "starlette", Starlette
    reach, patches = REACH, PATCHES


__all__ = ["OutworxHooksMiddleware", "StarletteInstrumentor"]
