"""Real parts of a network on loopback: servers with a private authority, HTTP and SOCKS proxies, bad receivers."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

Talk = Callable[[socket.socket], None]


class Listening:
    """Accepts connections until `stop`, and talks with each in a thread of its own.

    Args:
        talk: is given a connection, which is closed after it.
        context: TLS, where there is one.
    """

    def __init__(self, talk: Talk, context: ssl.SSLContext | None = None) -> None:
        self.talk, self._context = talk, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http{'' if self._context is None else 's'}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                plain, connection = connection, self._context.wrap_socket(connection, server_side=True)
                self._open.discard(plain)
                self._open.add(connection)
            with connection:
                self.talk(connection)
        self._open.discard(connection)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


class Request:
    """One request as it came: its head and its body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        self.method, self.target, _ = first.decode().split(" ")
        self.headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.decode("latin-1").partition(":") for line in lines)
        }
        self.body = body


def read_request(connection: socket.socket) -> Request | None:
    """The next request of a connection; None where it ended."""
    came = b""
    while b"\r\n\r\n" not in came:
        piece = connection.recv(65536)
        if not piece:
            return None
        came += piece
    head, _, body = came.partition(b"\r\n\r\n")
    request = Request(head, b"")
    length = int(request.headers.get("content-length", 0))
    while len(body) < length:
        body += connection.recv(65536)
    request.body = body
    return request


def answering(answer: bytes, seen: list[Request]) -> Talk:
    """Keeps every request and answers each with these bytes."""

    def talk(connection: socket.socket) -> None:
        while (request := read_request(connection)) is not None:
            seen.append(request)
            connection.sendall(answer)

    return talk


def for_ever(begin: bytes, again: bytes, every: float = 0.005) -> Talk:
    """Reads a request, then sends the beginning, and the rest again and again."""

    def talk(connection: socket.socket) -> None:
        if read_request(connection) is None:
            return
        connection.sendall(begin)
        while True:
            connection.sendall(again)
            time.sleep(every)

    return talk


class Proxy:
    """An HTTP proxy (CONNECT and absolute URLs) or a SOCKS5 proxy, by the first byte that comes.

    Every name leads to `to`, as a company's own names do that nobody outside can look up.

    Args:
        to: the port on loopback.
        user: "name:password" that it asks for; None for nothing.
    """

    def __init__(self, to: int, user: str | None = None) -> None:
        self._to, self._user = to, user
        self.asked: list[str] = []
        self.seen: list[str] = []
        self._frozen = threading.Event()
        self._listening = Listening(self._talk)
        self.port, self.stop = self._listening.port, self._listening.stop

    def freeze(self) -> None:
        """From now on no byte passes, on connections that are there and on new ones; none is closed."""
        self._frozen.set()

    def thaw(self) -> None:
        """New connections pass again; those that were frozen stay so."""
        self._frozen = threading.Event()

    def _talk(self, connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x05":
            self._socks(connection)
        else:
            self._http(connection)

    def _http(self, connection: socket.socket) -> None:
        while (request := read_request(connection)) is not None:
            self.seen.append(f"{request.method} {request.target} {request.headers}")
            wanted = self._user and f"Basic {base64.b64encode(self._user.encode()).decode()}"
            if wanted and request.headers.get("proxy-authorization") != wanted:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                continue
            self.asked.append(request.target)
            with socket.create_connection(("127.0.0.1", self._to)) as server:
                if request.method == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    path = "/" + request.target.split("/", 3)[3]
                    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
                    server.sendall(
                        f"{request.method} {path} HTTP/1.1\r\n{headers}\r\n".encode() + request.body
                    )
                self._pass(connection, server)
            return

    def _socks(self, connection: socket.socket) -> None:
        methods = connection.recv(257)[2:]
        if self._user is not None:
            assert b"\x02" in methods
            connection.sendall(b"\x05\x02")
            said = connection.recv(513)
            name = said[2 : 2 + said[1]]
            password = said[3 + said[1] :]
            good = f"{name.decode()}:{password.decode()}" == self._user
            connection.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        else:
            connection.sendall(b"\x05\x00")
        asked = connection.recv(300)
        host = asked[5 : 5 + asked[4]].decode() if asked[3] == 3 else "an address"
        self.asked.append(f"{host}:{int.from_bytes(asked[-2:], 'big')}")
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            self._pass(connection, server)

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        frozen = self._frozen
        while True:
            ready, _, _ = select.select([one, other], [], [], 0.02)
            if frozen.is_set():
                # Nobody is told: this is how a router forgets a connection.
                time.sleep(0.02)
                continue
            for source in ready:
                piece = source.recv(65536)
                if not piece:
                    return
                (other if source is one else one).sendall(piece)


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits until it is true, and returns what it was."""
    until = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    assert found
    return found
