"""`outworx serve` in this process: a database that is filled first, then the application."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.testclient import TestClient

from outworx_otel.server import Settings, create_app
from outworx_otel.server.model import Batch
from outworx_otel.server.store import Store

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def filled(folder: Path, *batches: Batch, **settings: Any) -> Settings:
    """Settings with a database that holds these."""
    url = f"sqlite:///{folder / 'outworx.db'}"
    store = Store(url, max_queued_bytes=64 * 1024 * 1024)
    try:
        for batch in batches:
            store.write(batch).result(30)
    finally:
        store.close()
    return Settings(database=url, **settings)


@contextlib.contextmanager
def client_of(settings: Settings) -> Iterator[TestClient]:
    """A client of the application, without a socket."""
    with TestClient(create_app(settings), base_url="http://127.0.0.1:4318") as client:
        yield client


@contextlib.contextmanager
def listening(settings: Settings, port: int = 0) -> Iterator[str]:
    """The address of the application on a real server, which is stopped at the end as `outworx serve` is."""
    app = create_app(settings)
    with socket.create_server(("127.0.0.1", port)) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop, server, bound))
        thread.start()
        try:
            # The socket listens already: the first request waits until the server takes it.
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(app.stop)
            server.should_exit = True
            thread.join()


def _run(loop: asyncio.AbstractEventLoop, server: uvicorn.Server, bound: socket.socket) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(server.serve(sockets=[bound]))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def csrf_of(page: str) -> str:
    """The token of the first form of a page that has one."""
    found = _CSRF.search(page)
    assert found is not None, "the page has no form with a token"
    return found[1]
