"""ASGI: the middleware to mount by hand, for an application of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from outworx_otel.integrations._adapter import Found
from outworx_otel.integrations._asgi import NOWHERE, Door, Seam
from outworx_otel.integrations._door import is_opened
from outworx_otel.integrations._intake import Message, Receive
from outworx_otel.integrations._scope import ASGIApp, Scope, Send, served_path
from outworx_otel.integrations._selection import has_own_say
from outworx_otel.integrations._visit import VISIT, visit_of_scope
from outworx_otel.process.job_waiting import off_loop
from outworx_otel.setup.announcement import places
from outworx_otel.setup.bootstrap import ensure_ready, say_mounted, unflushed
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.runtime import Runtime, current

MOUNTED: Final = "outworx_otel.mounted"
"""Where the seams inside find the adapter that was mounted by hand."""


def flushing_at_shutdown(send: Send) -> Send:
    """A lifespan's `send` that sends what is queued before it says that the application has shut down.

    uvicorn ends by SIGTERM right after that, with the disposition that it found. What was said before remains
    with SIGTERM wherever it can flush (see `export/exit.py`).
    """

    async def flush_then_send(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            flush = unflushed()
            if flush is not None:
                await off_loop(flush)
        await send(message)

    return flush_then_send


class OutworxHooksMiddleware:
    """The hand-mounted adapter for any ASGI application; Starlette and FastAPI have one that knows routes.

    Args:
        app: the application inside.
        options: what is wanted for every request with one of `options.methods` to one of `options.paths`.

    Raises:
        ConfigurationError: the options cannot be used.
    """

    def __init__(self, app: ASGIApp, options: TrackOptions) -> None:
        ensure_ready()
        self.app = app
        self.endpoint = Endpoint(
            options, "code", known_secrets=lambda: current().known_secrets(), everywhere=options.paths is None
        )
        self._has_seam: bool | None = None
        say_mounted("OutworxHooksMiddleware", {places(self.endpoint): self.endpoint})

    def endpoint_for(self, method: str, path: str, within: str) -> Endpoint | None:
        """This adapter's endpoint, where it concerns such a request."""
        return self.endpoint if self.endpoint.concerns(path, within) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, flushing_at_shutdown(send))
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        outer = scope.get(MOUNTED)
        scope[MOUNTED] = self if outer is None else _Both(self, outer)
        endpoint, path, runtime = self.endpoint, scope["path"], current()
        if (
            not endpoint.concerns(path, served_path(scope))
            or not endpoint.may_listen_to(scope["method"].upper())
            or is_opened(path, endpoint, runtime)
        ):
            return await self.app(scope, receive, send)
        visit = visit_of_scope(scope)
        if visit is not None and visit.taken and not has_own_say(endpoint, visit):
            return await self.app(scope, receive, send)
        return await self._deliver(scope, receive, send, runtime)

    async def _deliver(self, scope: Scope, receive: Receive, send: Send, runtime: Runtime) -> None:
        outer = scope.get(VISIT)
        if outer is not None:
            endpoint = runtime.standing(self.endpoint, outer.delivery.endpoint, scope["path"])
        else:
            endpoint = runtime.standing(
                self.endpoint, runtime.at_path(scope["path"], served_path(scope)), scope["path"]
            )
        door = _MountedDoor(self, endpoint, scope, receive, send, runtime)
        visit = door.visit
        refusal = await door.examined()
        if outer is not None:
            # Reported here, from now on.
            outer.taken = True
        if refusal is not None:
            await door.refused(refusal)
        elif door.nowhere:
            await self.framework_answers(scope, door.intake.receive, door.send)
            door.report_unrouted()
        elif visit.dismissed:
            await self.app(scope, door.intake.receive, send)
        elif self._meets_seam():
            await door.pass_on(self.app)
        else:
            scope[VISIT] = visit
            found = door.known or NOWHERE
            await Seam(endpoint, scope, door.intake.receive, send, runtime, visit, found).run(self.app)

    def _meets_seam(self) -> bool:
        if self._has_seam is None:
            self._has_seam = self.seam_inside()
        return self._has_seam

    def seam_inside(self) -> bool:
        """Whether a seam further in takes the delivery over; otherwise it runs here."""
        return False

    def routing(self, scope: Scope) -> Callable[[], Found | None] | None:
        """Asks the routing of the application inside; None where it has none that we know."""
        return None

    def only_routes_serve(self, scope: Scope) -> bool:
        """Whether what no route matches is the framework's own 404 or 405, and nothing else."""
        return False

    async def framework_answers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The framework's own 404 or 405."""
        raise NotImplementedError


class _Both:
    """Two adapters, one inside the other: the inner one is asked first."""

    def __init__(self, inner: Any, outer: Any) -> None:
        self._inner, self._outer = inner, outer

    def endpoint_for(self, method: str, path: str, within: str) -> Endpoint | None:
        found: Endpoint | None = self._inner.endpoint_for(method, path, within)
        return found or self._outer.endpoint_for(method, path, within)


class _MountedDoor(Door):
    """The door where an adapter is mounted by hand."""

    def __init__(
        self,
        middleware: OutworxHooksMiddleware,
        endpoint: Endpoint,
        scope: Scope,
        receive: Receive,
        send: Send,
        runtime: Runtime,
    ) -> None:
        super().__init__(endpoint, True, scope, receive, send, runtime, middleware.routing(scope))
        self.nowhere = False
        self.known: Found | None = None
        self._middleware = middleware
        # Without `paths`, the framework's own 404 and 405 are none of our business.
        self.has_paths = endpoint.paths is not None

    def is_nowhere(self) -> bool:
        """Whether no route serves it, and nothing else would."""
        if self.endpoint.paths is None and self._lookup is not None:
            try:
                self.nowhere = self._middleware.only_routes_serve(self.scope) and self._lookup() is None
            except Exception:  # noqa: BLE001  # the application's routes
                self.nowhere = False
        return self.nowhere


def instrument_app(app: ASGIApp, options: TrackOptions, *, server_span: bool = False) -> ASGIApp:
    """A bare ASGI application with webhook monitoring round it.

    Args:
        app: the application.
        options: what is wanted; `paths` says where.
        server_span: also open an HTTP SERVER span round each request (opentelemetry-instrumentation-asgi).

    Raises:
        ConfigurationError: the options cannot be used.
    """
    monitored: ASGIApp = OutworxHooksMiddleware(app, options)
    if server_span:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

        monitored = OpenTelemetryMiddleware(monitored, exclude_spans=["receive", "send"])
    return monitored
