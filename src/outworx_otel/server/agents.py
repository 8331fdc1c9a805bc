"""The seam at which `/mcp` is served: this room knows nothing of the protocol that coding agents speak."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/mcp"
_NOT_SERVED: Final = (
    "Coding agents are not served here: pip install 'outworx-otel[mcp]' where the server runs, and start it again by"
    " `outworx serve`."
)


class Agents(Protocol):
    """Serves coding agents."""

    def serving(self, calls: ASGIApp) -> AbstractAsyncContextManager[ASGIApp]:
        """Returns the application of `/mcp`, while the context lasts.

        Args:
            calls: the server's own JSON calls, behind its checks: the scope of each request says, under
                `access_guard.PURPOSES`, what whoever asks may do.
        """
        ...


class AgentsEndpoint:
    """What stands at the path: the application while there is one, else what to do about it. ASGI."""

    def __init__(self) -> None:
        self.serving: ASGIApp | None = None

    @property
    def routes(self) -> list[BaseRoute]:
        """The route. By POST alone: nothing is held open, and no session is kept."""
        return [Route(PATH, self, methods=["POST"])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.serving or JSONResponse({"error": _NOT_SERVED}, 404)
        await app(scope, receive, send)
