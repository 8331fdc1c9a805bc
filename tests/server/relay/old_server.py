"""A server that speaks the tunnel's calls as they have always been, and records what a client sends."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .waiting import wait_for


class OldServer:
    """Knows one session; gives out what a test puts into `events`."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.opened: list[dict[str, Any]] = []
        self.polls: list[dict[str, list[str]]] = []
        self.responses: list[dict[str, Any]] = []
        self.ended: list[str] = []
        self.keys: set[str] = set()
        self.forgets = False
        # Answers every call with it, if it is set.
        self.status: int | None = None
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._connections: set[socket.socket] = set()
        self._port = 0

    def start(self) -> OldServer:
        old = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                old._connections.add(self.connection)

            def finish(self) -> None:
                old._connections.discard(self.connection)
                with contextlib.suppress(OSError):
                    super().finish()

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                old.keys.add(self.headers.get("authorization", ""))
                status, answer = old.answer(self.command, self.path, body, self.server)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = handle_any

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that are killed are part of the tests."""

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        # A server that is gone has no connections left either.
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def answer(self, method: str, path: str, body: bytes, server: object) -> tuple[int, Any]:
        if self.status is not None:
            return self.status, {"error": "scripted"}
        parts = urlsplit(path)
        with self._lock:
            if (method, parts.path) == ("POST", "/api/forward/sessions"):
                self.opened.append(json.loads(body))
                number = len(self.opened)
                return 200, {
                    "sessionId": f"session-{number}",
                    "ingressUrl": f"https://hooks.test/t/8b3a9f1c2d4e506{number}",
                    "expiresAt": "2026-11-07T16:18:42Z",
                }
            if (method, parts.path) == ("GET", "/api/forward/poll"):
                asked = parse_qs(parts.query)
                self.polls.append(asked)
                if self.forgets or asked["session"] != [f"session-{len(self.opened)}"]:
                    return 404, {"error": "no such session"}
            elif (method, parts.path) == ("POST", "/api/forward/responses"):
                self.responses.append(json.loads(body))
                return 200, {}
            elif method == "DELETE":
                self.ended.append(parts.path)
                return 200, {}
            else:
                return 404, {}
        return 200, {"events": self._held(server)}

    def _held(self, server: object) -> list[dict[str, Any]]:
        """Held open for a little while, as a poll is; one of a stopped server takes nothing from the next."""
        for _ in range(10):
            with self._lock:
                if self._server is not server:
                    break
                given, self.events = self.events, []
            if given or self.status is not None:
                return given
            threading.Event().wait(0.02)
        return []

    def response_to(self, event: str) -> dict[str, Any]:
        return wait_for(lambda: next((one for one in self.responses if one["eventId"] == event), None))
