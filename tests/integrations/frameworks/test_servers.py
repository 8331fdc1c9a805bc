"""Litestar under uvicorn, with real sockets, and what importing a framework switches on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import litestar
import pytest
import uvicorn
from litestar.response import Stream
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

from integrations.conftest import Telemetry
from outworx_otel import TrackOptions

Monitor = Callable[..., None]
ONCE = TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)


class Served:
    """A Litestar application under uvicorn, on a free port."""

    def __init__(self) -> None:
        self.ran: list[bytes] = []

        async def hook(request: Any) -> Any:
            self.ran.append(await request.body())
            return Stream(parts())

        async def parts() -> Any:
            yield b"one "
            yield b"two"

        hook.__annotations__ = {"request": litestar.Request, "return": Stream}
        route = litestar.route(PATH, http_method=["POST", "GET", "HEAD"], status_code=200)(hook)
        app = litestar.Litestar([route], openapi_config=None, logging_config=None)
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", loop="asyncio"))
        self._thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Served:
        self._thread.start()
        until = time.monotonic() + 20
        while not self.server.started and time.monotonic() < until:
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        self.server.should_exit = True
        self._thread.join(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}{PATH}"


@pytest.fixture
def served(monitor: Monitor) -> Iterator[Served]:
    monitor({PATH: ONCE})
    with Served() as running:
        yield running


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
def test_a_body_of_unknown_length_is_verified(method: str, served: Served, telemetry: Telemetry) -> None:
    with httpx.Client() as client:
        answers = [
            client.request(method, served.url, content=iter([BODY]), headers=headers)
            for headers in (JSON, deliveries.stripe(secret=deliveries.WRONG), deliveries.stripe())
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert served.ran == [BODY]


def test_a_streamed_answer_is_done_at_its_end(served: Served, telemetry: Telemetry) -> None:
    with httpx.Client() as client:
        first, again = (client.post(served.url, content=BODY, headers=deliveries.stripe()) for _ in "12")
    assert (first.text, again.headers["idempotent-replayed"]) == ("one two", "true")
    assert served.ran == [BODY]


IMPORTED = """
import sys, outworx_otel
outworx_otel.instrument()
assert not {modules!r} & set(sys.modules), "a framework that is merely installed was imported"
{imports}
import outworx_otel.integrations.{name} as ours
print(all(patch._applied is not None for patch in ours.{instrumentor}.patches))
outworx_otel.uninstrument()
print(any(patch._applied is not None for patch in ours.{instrumentor}.patches))
"""


@pytest.mark.parametrize(
    ("imports", "name", "instrumentor"),
    [
        ("from aiohttp import web", "aiohttp", "AioHttpServerInstrumentor"),
        ("import aiohttp.web", "aiohttp", "AioHttpServerInstrumentor"),
        ("from litestar import Litestar", "litestar", "LitestarInstrumentor"),
        ("import flask", "flask", "FlaskInstrumentor"),
        ("from flask.app import Flask", "flask", "FlaskInstrumentor"),
        ("from fastapi import FastAPI", "fastapi", "FastAPIInstrumentor"),
        ("import fastapi.routing", "starlette", "StarletteInstrumentor"),
        ("from starlette.applications import Starlette", "starlette", "StarletteInstrumentor"),
        ("from starlette.routing import Router", "starlette", "StarletteInstrumentor"),
        ("import django.core.handlers.base", "django", "DjangoInstrumentor"),
        ("import django.core.wsgi", "django", "DjangoInstrumentor"),
        ("import django.core.asgi", "django", "DjangoInstrumentor"),
    ],
)
def test_a_framework_is_switched_on_when_the_application_imports_it(
    imports: str, name: str, instrumentor: str
) -> None:
    program = IMPORTED.format(
        modules={"aiohttp.web", "django", "fastapi", "flask", "litestar", "starlette"},
        imports=imports,
        name=name,
        instrumentor=instrumentor,
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_aiohttps_client_alone_switches_nothing_on() -> None:
    program = (
        "import sys, outworx_otel; outworx_otel.instrument(); import aiohttp; "
        "print('outworx_otel.integrations.aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.split() == ["False"], done.stderr
