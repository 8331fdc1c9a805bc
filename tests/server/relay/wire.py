"""A client of the relay by hand: the calls, as old clients and as exact ones make them."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
from support.sender import NO_CERTIFICATES

from .waiting import PATIENCE


class Client:
    """Speaks with one key.

    Args:
        url: of the relay.
        key: the API key.
        name: of an exact client; None is an old one.
    """

    def __init__(self, url: str, key: str = "key-1", name: str | None = None) -> None:
        self.url = url
        self.name = name
        self.acknowledged = 0
        self.session: dict[str, Any] = {}
        self._http = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE,
            verify=NO_CERTIFICATES,
            trust_env=False,
        )

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._http.request(method, path, **options)

    def open(self, **fields: Any) -> dict[str, Any]:
        answer = self.call(
            "POST", "/api/forward/sessions", json={"destination_url": "http://localhost:3000", **fields}
        )
        assert answer.status_code == 200, answer.text
        self.session = answer.json()
        return self.session

    def join(self, other: Client) -> Client:
        """The same session as another client's."""
        self.session = other.session
        return self

    def poll(self, room: int = 50, *, acknowledge: bool = True) -> list[dict[str, Any]]:
        asked: dict[str, Any] = {"session": self.session["sessionId"]}
        if self.name is not None:
            asked |= {"client": self.name, "ack": self.acknowledged, "max": room}
        answer = self.call("GET", "/api/forward/poll", params=asked)
        assert answer.status_code == 200, answer.text
        if acknowledge:
            self.acknowledged = answer.json().get("batch", 0)
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    def respond(self, event: dict[str, Any], status: int = 200, body: bytes = b"", **fields: Any) -> int:
        given = {"eventId": event["id"], "status": status, "durationMs": 1}
        if self.name is None:
            given |= {"headers": {}, "body": body.decode()}
        else:
            given |= {"headers": [], "body_base64": base64.b64encode(body).decode()}
        return self.call("POST", "/api/forward/responses", json={**given, **fields}).status_code

    def end(self) -> int:
        return self.call("DELETE", f"/api/forward/sessions/{self.session['sessionId']}").status_code

    @property
    def public_url(self) -> str:
        url: str = self.session["ingressUrl"]
        return url

    def close(self) -> None:
        self._http.close()


class Callers:
    """Providers: each request in a thread of its own, its answer in a future."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(64)
        self._http = httpx.Client(
            timeout=PATIENCE, verify=NO_CERTIFICATES, trust_env=False, limits=httpx.Limits()
        )

    def send(self, url: str, method: str = "POST", **options: Any) -> Future[httpx.Response]:
        return self._pool.submit(self._http.request, method, url, **options)

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        self._http.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Application:
    """A local server at the level of bytes: what it received, and the very bytes that it answers.

    Args:
        answer: a whole HTTP answer, head and body. Its connection is closed after it.
    """

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.requests: list[tuple[list[bytes], bytes]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._tls: ssl.SSLContext | None = None
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), self._wrapped(connection) as stream:
                self.requests.append(read_request(stream))
                stream.sendall(self.answer)

    def _wrapped(self, connection: socket.socket) -> socket.socket:
        return connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True)

    def reset(self) -> None:
        """As new."""
        self.answer = OK
        self.requests.clear()

    def wrap(self, context: ssl.SSLContext) -> None:
        """From now on with TLS."""
        self._tls = context

    def stop(self) -> None:
        # Closing alone does not wake `accept`.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(PATIENCE)


def read_request(connection: socket.socket) -> tuple[list[bytes], bytes]:
    """The lines of the head, and the body by its Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _some(connection)
    return lines, body


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionError("it was closed")
    return received


def raw_exchange(port: int, request: bytes, *, half_close: bool = True) -> bytes:
    """Sends these bytes; everything that comes back until the server closes.

    A server takes a half-closed connection for a caller that has gone; to be answered by the local server, ask it to
    close instead.
    """
    with connected(port) as connection:
        received = b""
        # It may have closed before it has read everything.
        with contextlib.suppress(OSError):
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while more := connection.recv(65536):
                received += more
        return received


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        yield connection
