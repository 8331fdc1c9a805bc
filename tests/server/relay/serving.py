"""The relay on a loopback port, in this process, so that a test can look at what it holds."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

from outworx_otel.server.relay import Relay, RelayLimits, routes

from .waiting import PATIENCE

COOKIE: Final = "outworx_session"


class Serving:
    """uvicorn in a thread, from `start` to `stop`.

    Args:
        limits: of the relay.
        more: further arguments of `Relay`.
    """

    def __init__(self, limits: RelayLimits | None = None, **more: Any) -> None:
        self.relay = Relay(limits=limits or RelayLimits(), cookie=COOKIE, **more)
        # With its protocol named: asyncio switches Nagle's delay off only where it is.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(512)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            Starlette(routes=routes(self.relay)), log_level="warning", proxy_headers=False, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._running = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Serving:
        self._thread.start()
        assert self._running.wait(PATIENCE)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self.on_loop(self.relay.close)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._socket.close()

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """Runs something where the relay lives."""
        assert self._loop is not None

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._running.set()
            await self._server.serve(sockets=[self._socket])

        asyncio.run(serve())
