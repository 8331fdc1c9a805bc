"""Serves the tools at `/mcp` of `outworx serve`, behind its checks of keys, hosts, origins and sizes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import anyio
import anyio.from_thread
import anyio.to_thread
import msgspec
from anyio.abc import TaskStatus
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outworx_otel.cli.mcp.hiding import Hiding
from outworx_otel.cli.mcp.tool_context import ToolContext
from outworx_otel.cli.mcp.variables import may_use
from outworx_otel.cli.server_calls import ServerCallFailed
from outworx_otel.server.access.access_guard import PURPOSES
from outworx_otel.server.purposes import Purpose

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

_logger: Final = logging.getLogger("outworx_otel.mcp")
_MAX_REQUEST: Final = 1024 * 1024


class AgentsOverHttp:
    """Streamable HTTP without sessions: each request is answered by itself, so that nothing is kept for anybody.

    What speaks the protocol takes a second to import: that is done for the first request, off the event loop.

    Args:
        secrets: the server's keys, which no answer may hold.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)

    @contextlib.asynccontextmanager
    async def serving(self, calls: ASGIApp) -> AsyncIterator[ASGIApp]:
        """The application, while the context lasts; see `server.agents.Agents`."""
        began = anyio.Lock()
        managers: list[StreamableHTTPSessionManager] = []

        async def run(*, task_status: TaskStatus[None]) -> None:
            try:
                manager = await anyio.to_thread.run_sync(self._manager, calls)
                async with manager.run():
                    managers.append(manager)
                    task_status.started()
                    await anyio.sleep_forever()
            except Exception:
                # Of before it began, whoever asked is told; what comes later must not end the server.
                if not managers:
                    raise
                _logger.exception("what serves coding agents has failed; the next request starts it again")
            finally:
                managers.clear()

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            async with began:
                if not managers:
                    await running.start(run)
            await managers[0].handle_request(scope, receive, send)

        async with anyio.create_task_group() as running:
            try:
                yield serve
            finally:
                running.cancel_scope.cancel()

    def _manager(self, calls: ASGIApp) -> StreamableHTTPSessionManager:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from outworx_otel.cli.mcp.protocol import mcp_server

        judged = may_use(of_a_server=True)

        def context(request: Any) -> ToolContext:
            # The guard has noted in the request what its key may do.
            purposes: frozenset[Purpose] = request.scope[PURPOSES]
            return ToolContext(OwnServer(calls, purposes), judged, Hiding(self._secrets))

        return StreamableHTTPSessionManager(
            mcp_server(context), json_response=True, stateless=True, max_request_body_size=_MAX_REQUEST
        )


class OwnServer:
    """The server that the tools are served by: its own calls, without the network; see `ServerReads`."""

    def __init__(self, calls: ASGIApp, purposes: frozenset[Purpose]) -> None:
        self._calls = calls
        self._purposes = purposes

    def read(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Returns the JSON that GET gives; None for what is not there. In a worker thread."""
        status, body = anyio.from_thread.run(self._get, path, urlencode(query))
        if status == 404:
            return None
        answer = msgspec.json.decode(body)
        if status != 200:
            raise ServerCallFailed(str(answer.get("error", f"it answers {status}")))
        return answer

    def purposes(self) -> frozenset[Purpose]:
        """Returns what the request's key may do."""
        return self._purposes

    async def _get(self, path: str, query: str) -> tuple[int, bytes]:
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [],
            "client": None,
            "server": None,
            PURPOSES: self._purposes,
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._calls(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
