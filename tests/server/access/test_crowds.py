"""Crowds of callers without a key, or slow ones: they take no place of a caller with a key."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Send
from support.serve_command import Command

from outworx_otel.server import Settings, create_app
from outworx_otel.server.access import access_guard, connections
from outworx_otel.server.access.connections import Crowd, HeadDeadlineProtocol

from .scene import HTML, KEY, WITH_KEY, form_token

# More than there are places for strangers; the full count is more than there are places at all.
MANY = 1200 if os.environ.get("OUTWORX_TEST_FULL") else 260
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"Content-Type: %b\r\nContent-Length: 500\r\n\r\nkey=owx"
SLOW_LOGIN = b"POST /login" + HOST + BODY % b"application/x-www-form-urlencoded"
ATTACKS = {
    "slow logins": SLOW_LOGIN,
    "slow logouts": b"POST /logout" + HOST + BODY % b"application/x-www-form-urlencoded",
    "slow bodies for ingest": b"POST /v1/traces" + HOST + BODY % b"application/x-protobuf",
    "slow heads": b"GET /healthz HTTP/1.1\r\nHost: loc",
    "nothing at all": b"",
    "live pages": b"GET /live" + HOST + b"Accept: text/event-stream\r\n\r\n",
    "answers that nobody reads": (b"GET /login" + HOST + b"\r\n") * 5,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("crowds"), ("--api-key", KEY))
    try:
        yield command.start()
    finally:
        command.kill()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_crowd_without_a_key_takes_no_place_of_who_has_one(server: Command, attack: str) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(MANY):
            one = crowd.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            one.sendall(ATTACKS[attack])
        with httpx.Client(base_url=server.url, headers=WITH_KEY, timeout=10) as program:
            assert program.get("/api/deliveries").status_code == 200
            assert program.post("/api/ingest", json={"events": []}).status_code == 200
        with httpx.Client(base_url=server.url, headers=HTML, timeout=10) as person:
            form = {"key": KEY, "csrf": form_token(person.get("/login").text)}
            assert person.post("/login", data=form).status_code == 303
            assert person.get("/deliveries").status_code == 200
            assert person.get("/healthz").status_code == 200


def test_the_slowest_login_gives_way_and_is_told_so(tmp_path: Path) -> None:
    async def crowd() -> None:
        async with _served(tmp_path, max_strangers=2) as port:
            slow = [await _connected(port, SLOW_LOGIN) for _ in range(3)]
            answer = await asyncio.wait_for(slow[0][0].readuntil(b"\r\n\r\n"), 20)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"connection: close" in answer.lower()
            for _, writer in slow:
                writer.close()

    asyncio.run(crowd())


def test_slow_callers_with_a_key_give_way_to_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_guard, "PATIENCE_SECONDS", 0.0)
    slow = (
        b"POST /api/ingest" + HOST + f"Authorization: Bearer {KEY}\r\n".encode() + BODY % b"application/json"
    )

    async def crowd() -> None:
        async with _served(tmp_path, max_concurrent=2) as port:
            held = [await _connected(port, slow) for _ in range(3)]
            answer = await asyncio.wait_for(held[0][0].readuntil(b"\r\n\r\n"), 20)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"retry-after" in answer.lower()
            for _, writer in held:
                writer.close()

    asyncio.run(crowd())


def test_a_body_with_a_key_that_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_guard, "BODY_SECONDS", 0.05)
    key = f"Authorization: Bearer {KEY}\r\n".encode()

    async def drip() -> None:
        async with _served(tmp_path) as port:
            for path in (b"/api/ingest", b"/v1/traces", b"/api/forward/sessions"):
                reader, writer = await _connected(
                    port, b"POST " + path + HOST + key + BODY % b"application/json"
                )
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 20)
                assert answer.startswith(b"HTTP/1.1 408"), path
                writer.close()

    asyncio.run(drip())


def test_a_connection_too_many_closes_the_strangers_that_is_silent_the_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CROWD", Crowd(10))

    async def crowd() -> None:
        async with _served(tmp_path) as port:
            ask = b"GET /api/deliveries" + HOST + f"Authorization: Bearer {KEY}\r\n\r\n".encode()
            own = await _connected(port, ask)
            await _answer(own)
            asking = await _connected(port, b"GET /healthz" + HOST + b"\r\n")
            await _answer(asking)
            idle = [await _connected(port, b"") for _ in range(8)]
            asking[1].write(b"GET /healthz" + HOST + b"\r\n")
            await _answer(asking)
            newcomer = await _connected(port, ask)
            await _answer(newcomer)
            # The first of those that never asked.
            assert await asyncio.wait_for(idle[0][0].read(), 20) == b""
            more = [await _connected(port, b"") for _ in range(30)]
            await asyncio.wait_for(more[0][0].read(), 20)
            for writer in (own[1], newcomer[1]):
                writer.write(ask)
            await _answer(own)
            await _answer(newcomer)
            for _, writer in (own, asking, newcomer, *idle, *more):
                writer.close()

    asyncio.run(crowd())


def test_an_answer_of_which_nothing_is_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.1)

    async def unread() -> None:
        gone = asyncio.Event()

        async def app(scope: object, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 20_000_000, "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()

        with (
            socket.create_server(("127.0.0.1", 0)) as bound,
            socket.create_connection(bound.getsockname()) as connection,
        ):
            connection.sendall(b"GET /" + HOST + b"\r\n")
            async with _running(app, bound):
                await asyncio.wait_for(gone.wait(), 20)

    asyncio.run(unread())


@contextlib.asynccontextmanager
async def _served(directory: Path, **settings: int) -> AsyncIterator[int]:
    app = create_app(
        Settings(database=f"sqlite:///{directory / 'outworx.db'}", api_keys=(KEY,), **settings)  # type: ignore[arg-type]
    )
    with socket.create_server(("127.0.0.1", 0), backlog=500) as bound:
        async with _running(app, bound, "on"):
            yield bound.getsockname()[1]


@contextlib.asynccontextmanager
async def _running(app: ASGIApp, bound: socket.socket, lifespan: str = "off") -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        http=HeadDeadlineProtocol,
        lifespan=lifespan,  # type: ignore[arg-type]
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


async def _connected(port: int, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    return reader, writer


async def _answer(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    head = await asyncio.wait_for(stream[0].readuntil(b"\r\n\r\n"), 20)
    assert head.startswith(b"HTTP/1.1 200"), head
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    await stream[0].readexactly(int(lengths[0].split(b":")[1]))
