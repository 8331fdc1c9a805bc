"""The whole server on a free loopback port, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from support.sender import NO_CERTIFICATES

from outworx_otel.server import Settings, create_app
from outworx_otel.server.model import SpanRecord


class Serving:
    """Runs until `stop`; another one may run on the same database afterwards.

    Args:
        database: a file, or a URL.
        port: 0 takes a free one.
        store: what keeps everything, instead of one on the database.
        settings: others than the defaults.
    """

    def __init__(self, database: Path | str, port: int = 0, store: Any = None, **settings: Any) -> None:
        self.database = database
        # asyncio switches Nagle's algorithm off only where the protocol is named.
        self._bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._bound.bind(("127.0.0.1", port))
        self._bound.listen(512)  # at once: what connects before uvicorn is up waits, and is not refused
        self.port: int = self._bound.getsockname()[1]
        url = database if isinstance(database, str) else f"sqlite:///{database}"
        options = {"port": self.port, "database": url, **settings}
        self.app = create_app(Settings(**options), store=store)
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, log_level="critical", timeout_graceful_shutdown=2, ws="none", http="h11")
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._bound]})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=20, verify=NO_CERTIFICATES)
        self.client.get("/healthz")  # answered once it is started

    def post(self, path: str, body: bytes, *headers: dict[str, str]) -> httpx.Response:
        merged = {name: value for given in headers for name, value in given.items()}
        return self.client.post(path, content=body, headers=merged)

    def deliveries(self) -> list[dict[str, Any]]:
        """The newest first, as the API shows them."""
        answer = self.client.get("/api/deliveries", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        return answer.json()["deliveries"]

    def delivery(self) -> dict[str, Any]:
        """All of the only one."""
        (summary,) = self.deliveries()
        return self.client.get(f"/api/deliveries/{summary['id']}").json()

    def spans(self, trace: bytes) -> Sequence[SpanRecord]:
        """What a timeline has beside the delivery."""
        return self.app._store.spans(trace.hex())

    def stop(self, *, wait: bool = True) -> None:
        """Ends it; without waiting, `ended` has to be called some time later."""
        self.client.close()
        self._server.should_exit = True
        if wait:
            self.ended()

    def ended(self) -> None:
        """Waits until it has ended."""
        self._thread.join()
