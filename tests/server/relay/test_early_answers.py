"""Local servers that answer before they have read the request, and that close what others would keep."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outworx_otel.cli.forward import local_connection
from outworx_otel.cli.forward.local_servers import LocalServers
from outworx_otel.cli.forward.local_targets import parse_targets
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, TunnelledRequest

from .processes import free_port
from .waiting import PATIENCE, wait_for
from .wire import read_request

LARGE = b"x" * (8 * 1024 * 1024)
Script = Callable[[socket.socket], None]


@pytest.fixture
def local() -> Iterator[Callable[[Script], int]]:
    """Starts a server of which a script handles each connection; its port."""
    with contextlib.ExitStack() as stack:

        def start(script: Script) -> int:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=_accept, args=(listening, script), daemon=True).start()
            return int(listening.getsockname()[1])

        yield start


def _accept(listening: socket.socket, script: Script) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_handled, args=(connection, script), daemon=True).start()


def _handled(connection: socket.socket, script: Script) -> None:
    connection.settimeout(PATIENCE)
    with connection, contextlib.suppress(OSError):
        script(connection)


def delivered(port: int, body: bytes = LARGE, times: int = 1) -> list[LocalAnswer]:
    """The local server's answers to so many deliveries, one after the other."""

    async def deliver() -> list[LocalAnswer]:
        servers = LocalServers(parse_targets([f"127.0.0.1:{port}"]), timeout=PATIENCE)
        request = TunnelledRequest("id", "POST", "/hooks", "", (("X-Event", "1"),), body)
        return [await servers.forward(request) for _ in range(times)]

    return asyncio.run(deliver())


def head_of(connection: socket.socket) -> bytes:
    """The head, and as little of the body as comes with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1024)
    return received


def answer(status: str, body: bytes = b"no", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("status", ["401 Unauthorized", "413 Content Too Large"])
@pytest.mark.parametrize("ending", ["closes", "resets", "keeps on waiting", "half closes"])
def test_an_early_refusal_of_a_large_body_is_the_answer(
    local: Callable[[Script], int], status: str, ending: str
) -> None:
    done = threading.Event()

    def refuse(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer(status, b"no" * 1000))
        if ending == "keeps on waiting":
            done.wait(PATIENCE)
        elif ending == "half closes":
            connection.shutdown(socket.SHUT_WR)
            done.wait(PATIENCE)
        elif ending == "resets":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    try:
        (found,) = delivered(local(refuse))
    finally:
        done.set()
    # A reset may overtake what was sent before it: then nobody has an answer.
    if ending == "resets" and found.problem is not None:
        assert "broke off" in found.problem
    else:
        assert (found.status, found.body, found.problem) == (int(status[:3]), b"no" * 1000, None)


def test_an_early_success_does_not_cut_the_request_short(local: Callable[[Script], int]) -> None:
    read: list[int] = []

    def accept(connection: socket.socket) -> None:
        received = head_of(connection)
        connection.sendall(answer("200 OK", b"ok"))
        rest = len(LARGE) - len(received.partition(b"\r\n\r\n")[2])
        while rest > 0 and (piece := connection.recv(65536)):
            rest -= len(piece)
        read.append(rest)

    (found,) = delivered(local(accept))
    assert (found.status, found.body) == (200, b"ok")
    wait_for(lambda: read == [0])


def test_an_early_success_that_reads_no_further_is_not_waited_for_long(
    local: Callable[[Script], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_connection, "LINGER_SECONDS", 0.05)
    done = threading.Event()

    def accept(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer("202 Accepted", b"ok"))
        done.wait(PATIENCE)

    try:
        (found,) = delivered(local(accept))
    finally:
        done.set()
    assert (found.status, found.body, found.problem) == (202, b"ok", None)


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_none(local: Callable[[Script], int], interim: str) -> None:
    def hint(connection: socket.socket) -> None:
        received = head_of(connection)
        connection.sendall(f"HTTP/1.1 {interim}\r\n\r\n".encode())
        rest = len(LARGE) - len(received.partition(b"\r\n\r\n")[2])
        while rest > 0 and (piece := connection.recv(65536)):
            rest -= len(piece)
        connection.sendall(answer("201 Created", b"all"))

    (found,) = delivered(local(hint))
    assert (found.status, found.body) == (201, b"all")


def test_an_answer_whose_connection_is_closed_after_it_is_whole(local: Callable[[Script], int]) -> None:
    def close(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nas long as it lasts")

    (found,) = delivered(local(close), b"{}")
    assert (found.status, found.body) == (200, b"as long as it lasts")


def test_a_server_that_closes_idle_connections_gets_every_delivery_once(
    local: Callable[[Script], int],
) -> None:
    read: list[bytes] = []

    def close_when_asked_again(connection: socket.socket) -> None:
        read.append(read_request(connection)[1])
        connection.sendall(answer("200 OK", b"ok"))
        # As one that closes at the moment at which the next request comes: unread.
        connection.recv(1, socket.MSG_PEEK)

    answers = delivered(local(close_when_asked_again), b"{}", times=5)
    assert [found.status for found in answers] == [200] * 5
    assert read == [b"{}"] * 5


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_gets_every_delivery_once(tmp_path: Path, worker: str) -> None:
    port = free_port()
    (tmp_path / "counting.py").write_text(
        "def app(environ, start_response):\n"
        "    size = len(environ['wsgi.input'].read())\n"
        "    with open('seen', 'a') as seen:\n"
        "        seen.write(f'{size}\\n')\n"
        "    start_response('200 OK', [('Content-Length', '0')])\n"
        "    return [b'']\n"
    )
    arguments = ("-k", worker, "--keep-alive", "2", "-b", f"127.0.0.1:{port}", "counting:app")
    command = [sys.executable, "-m", "gunicorn", *arguments]
    gunicorn = subprocess.Popen(command, cwd=tmp_path)  # noqa: S603  # a server of the tests' own
    try:
        wait_for(lambda: _listens(port))
        answers = delivered(port, b"x" * 1000, times=20)
    finally:
        gunicorn.terminate()
        gunicorn.wait(PATIENCE)
    assert [found.status for found in answers] == [200] * 20
    assert (tmp_path / "seen").read_text().split() == ["1000"] * 20


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
