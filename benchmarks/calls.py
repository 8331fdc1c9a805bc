"""Calling an application in-process, by ASGI and by WSGI, with nothing of a client or a server round it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol

from benchmarks.deliveries import CHUNK, Inbound

_PRECISION: Final = 20e-6

ASGIApp = Callable[[MutableMapping[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Any]


class Caller(Protocol):
    """An application that can be called many times in a row."""

    def __call__(self, request: Inbound, count: int) -> tuple[float, set[int]]:
        """Seconds that `count` requests took together, and the statuses that they were answered with.

        Seconds as `serving_time` counts them.
        """
        ...


def serving_time() -> float:
    """Seconds of processor time that this process spent so far on answering requests.

    Nothing here waits, and on a machine that is shared the wall clock says more about the neighbours. Worker threads
    of an executor count, because asgiref runs synchronous code there; a variant's own thread that sends does not.
    """
    while True:
        before = _sending_time()
        whole = time.process_time()
        # A sender that got the interpreter in between would be taken off twice.
        if _sending_time() - before < _PRECISION:
            return whole - before


def _sending_time() -> float:
    seconds = 0.0
    for thread in threading.enumerate():
        answers = thread is threading.main_thread() or "Executor" in thread.name
        if not answers and thread.ident is not None and hasattr(time, "pthread_getcpuclockid"):
            with contextlib.suppress(OSError):  # it has just ended
                seconds += time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return seconds


class ASGICaller:
    """Calls an ASGI application on one event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()

    def __call__(self, request: Inbound, count: int) -> tuple[float, set[int]]:
        return self._loop.run_until_complete(self._run(request, count))

    async def _run(self, request: Inbound, count: int) -> tuple[float, set[int]]:
        app = self.app
        exchanges = [(_scope(request), _Messages(request.body, self._loop)) for _ in range(count)]
        statuses = set()
        begun = serving_time()
        # Popped, as a server lets go of a request: what hangs on its scope would otherwise pile up.
        while exchanges:
            scope, messages = exchanges.pop()
            await app(scope, messages.receive, messages.send)
            statuses.add(messages.status)
        return serving_time() - begun, statuses


def _scope(request: Inbound) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in request.headers],
        "client": ("203.0.113.7", 52_000),
        "server": ("10.0.0.1", 8000),
        "state": {},
    }


class _Messages:
    """The messages of one exchange; the client stays until the answer is complete."""

    def __init__(self, body: bytes, loop: asyncio.AbstractEventLoop) -> None:
        starts = range(0, max(len(body), 1), CHUNK)
        self._waiting: list[dict[str, Any]] = [
            {
                "type": "http.request",
                "body": body[start : start + CHUNK],
                "more_body": start + CHUNK < len(body),
            }
            for start in reversed(starts)
        ]
        self._loop = loop
        self.status = 0

    async def receive(self) -> dict[str, Any]:
        if self._waiting:
            return self._waiting.pop()
        never: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        return await never

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


class WSGICaller:
    """Calls a WSGI application."""

    def __init__(self, app: WSGIApp) -> None:
        self.app = app

    def __call__(self, request: Inbound, count: int) -> tuple[float, set[int]]:
        app = self.app
        environs = [_environ(request) for _ in range(count)]
        statuses: set[str] = set()

        def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
            statuses.add(status)

        begun = serving_time()
        while environs:
            answer = app(environs.pop(), start_response)
            for _ in answer:
                pass
            if hasattr(answer, "close"):
                answer.close()
        return serving_time() - begun, {int(status[:3]) for status in statuses}


def _environ(request: Inbound) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "10.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        variable = name.upper().replace("-", "_")
        environ[variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + variable] = value
    return environ
