"""Connections on which nothing is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from outworx_otel.server.access import connections
from outworx_otel.server.access.connections import HeadDeadlineProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", REQUEST + b"X: ", REQUEST + b"\r\nGET", REQUEST + b"Content-Length: 9\r\n\r\n1"],
)
def test_whoever_does_not_ask_in_time_is_hung_up_on(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)

    async def drip() -> None:
        async with _served(listening):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(sent)
            if b"\r\n\r\n" in sent:
                await reader.readuntil(b"ok")
                # From now on it is a byte after the answer.
                writer.write(b"2")
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()

    asyncio.run(drip())


def test_whoever_waits_for_an_answer_is_not(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)

    async def ask() -> None:
        async with _served(listening, seconds=0.3):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            for _ in range(2):
                writer.write(REQUEST + b"\r\n")
                answer = await asyncio.wait_for(reader.readuntil(b"ok"), 20)
                assert answer.startswith(b"HTTP/1.1 200")
            writer.close()

    asyncio.run(ask())


@contextlib.asynccontextmanager
async def _served(bound: socket.socket, seconds: float = 0.0) -> AsyncIterator[None]:
    async def app(scope: object, receive: object, send: object) -> None:
        await asyncio.sleep(seconds)
        await PlainTextResponse("ok")(scope, receive, send)  # type: ignore[arg-type]  # ASGI's own

    config = uvicorn.Config(app, http=HeadDeadlineProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await running
