"""Real servers with real sockets, spoken to in HTTP/2 or in chunks: what no length announces."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from support.deliveries import SECRET
from support.process import Server

SITES = Path(__file__).parent / "sites"


@dataclass(frozen=True)
class Kind:
    """A server and what it serves.

    Args:
        name: both.
        command: `{port}` stands for the port.
        http2: spoken to in HTTP/2 (with prior knowledge), else in HTTP/1.1 with chunks.
        ready: what the server writes when it is up.
    """

    name: str
    command: tuple[str, ...]
    ready: str
    http2: bool = False

    def __str__(self) -> str:
        return self.name


def _module(*command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *command)


def hypercorn(app: str) -> tuple[str, ...]:
    return _module("hypercorn", "--bind", "127.0.0.1:{port}", app)


def granian(interface: str, app: str) -> tuple[str, ...]:
    return _module("granian", "--host", "127.0.0.1", "--port", "{port}", "--interface", interface, app)


def uvicorn(app: str) -> tuple[str, ...]:
    return _module("uvicorn", "--port", "{port}", "--loop", "asyncio", "--http", "h11", app)


KINDS = (
    Kind("starlette, hypercorn, HTTP/2", hypercorn("under_a_server:starlette_app"), "Running on", True),
    Kind("django ASGI, hypercorn, HTTP/2", hypercorn("under_a_server:django_asgi"), "Running on", True),
    Kind("starlette, granian, HTTP/2", granian("asgi", "under_a_server:starlette_app"), "Listening at", True),
    Kind("django ASGI, granian, HTTP/2", granian("asgi", "under_a_server:django_asgi"), "Listening at", True),
    Kind("starlette, uvicorn, chunks", uvicorn("under_a_server:starlette_app"), "Uvicorn running"),
    Kind(
        "django ASGI, daphne, chunks",
        _module("daphne", "-b", "127.0.0.1", "-p", "{port}", "under_a_server:django_asgi"),
        "Listening on",
    ),
    Kind(
        "flask, gunicorn, chunks",
        _module("gunicorn", "-b", "127.0.0.1:{port}", "under_a_server:flask_app"),
        "Listening at",
    ),
    Kind(
        "flask, waitress, chunks",
        _module("waitress", "--listen", "127.0.0.1:{port}", "under_a_server:flask_app"),
        "Serving on",
    ),
)


class Running:
    """A server that runs, and what its handlers and spans have said so far."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self._folder = folder
        paths = [str(SITES), os.environ.get("PYTHONPATH", "")]
        environ = {
            "DOOR_FILES": str(folder),
            "DOOR_SECRET": SECRET,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        self.server = Server(kind.command, folder, environ, 1, kind.ready)

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.server.url, http1=not self.kind.http2, http2=self.kind.http2, timeout=20
        )

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Sends a body whose length is not announced; the answer's status."""
        with self.client() as client:
            answer = client.request(method, path, content=iter([body]), headers=dict(headers))
        assert answer.http_version == ("HTTP/2" if self.kind.http2 else "HTTP/1.1")
        return answer.status_code

    def ran(self) -> list[bytes]:
        """The bodies that handlers were given."""
        return [base64.b64decode(line) for line in self._lines("ran")]

    def deliveries(self) -> list[dict[str, Any]]:
        """The webhook spans."""
        spans = [json.loads(line) for line in self._lines("spans")]
        return [span for span in spans if span["name"].startswith("webhook ")]

    def _lines(self, name: str) -> list[str]:
        file = self._folder / name
        return file.read_text().splitlines() if file.exists() else []

    def forget(self) -> None:
        for name in ("ran", "spans"):
            (self._folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def running(kind: Kind, folder: Path) -> Iterator[Running]:
    """Runs a server for as long as the block does."""
    started = Running(kind, folder)
    try:
        started.server.start()
        yield started
    finally:
        log = started.server.log()
        started.server.stop()
        print(log)
