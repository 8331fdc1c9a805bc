"""ASGI: the middleware to mount by hand, for an application of any kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from outworx_otel.integrations._exchange import UNDER_WAY, Exchange
from outworx_otel.integrations._gate import has_own_say, select
from outworx_otel.integrations._intake import Message, Receive
from outworx_otel.integrations._scope import ASGIApp, Scope, Send, served_path
from outworx_otel.setup.bootstrap import unflushed
from outworx_otel.setup.endpoints import Endpoint, passes
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.runtime import current


def flushing_at_shutdown(send: Send) -> Send:
    """A lifespan's `send` that sends what is queued before it says that the application has shut down.

    uvicorn ends by SIGTERM right after that, with the disposition that it found. What was said before remains
    with SIGTERM wherever it can flush (see `export/exit.py`).
    """

    async def flush_then_send(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            flush = unflushed()
            if flush is not None:
                await _in_thread(flush)
        await send(message)

    return flush_then_send


async def _in_thread(function: Callable[[], None]) -> None:
    try:
        from anyio.to_thread import run_sync as run_in_thread
    except ImportError:  # no Starlette either: a bare application, which asyncio runs
        await asyncio.to_thread(function)
    else:
        await run_in_thread(function)


class OutworxHooksMiddleware:
    """The hand-mounted adapter for any ASGI application; Starlette and FastAPI have one that knows routes.

    Args:
        app: the application inside.
        options: what is wanted for every request with one of `options.methods` to one of `options.paths`.

    Raises:
        ConfigurationError: the options cannot be used.
    """

    def __init__(self, app: ASGIApp, options: TrackOptions) -> None:
        self.app = app
        self.endpoint = Endpoint(options, "code", known_secrets=lambda: current().known_secrets())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, flushing_at_shutdown(send))
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        method, path, within = scope["method"].upper(), scope["path"], served_path(scope)
        headers = scope.get("headers") or ()
        if passes(method, headers) or not self.endpoint.concerns(path, within):
            return await self.app(scope, receive, send)
        found, handler, template = self.find_route(scope)
        endpoint = None
        if found:
            endpoint = select(current(), handler, method, path, within, headers, str, mounted=self.endpoint)
        outer = scope.get(UNDER_WAY)
        if endpoint is None or (outer is not None and not has_own_say(endpoint, outer)):
            return await self.app(scope, receive, send)
        return await Exchange(endpoint, scope, receive, send, template, handler).run(self.app)

    def find_route(self, scope: Scope) -> tuple[bool, Any, str | None]:
        """Whether the application serves this request, with which handler and under which template."""
        return True, None, None


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
