"""What ends the handler of a done event gets through whatever the application has round it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import anyio
import flask
import pytest
from fastapi import FastAPI, Request
from integrations.asgi_apps import UnderTestClient
from integrations.conftest import FRAMEWORKS
from integrations.flask_apps import UnderFlaskClient
from integrations.frameworks.apps import AioHTTPKind, LitestarKind
from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from support.calls import PATH, Call, Framework, Reply, Witness

import outworx_otel

from .databases import Place
from .shops import BODY, JSON

Configure = Callable[..., None]


@pytest.fixture
def place(place_on: Callable[[str], Place], configure: Configure) -> Place:
    place = place_on("sqlite")
    configure(place.store)
    return place


def work(place: Place) -> None:
    with Session(place.engine) as session, outworx_otel.current_track().once(session):
        session.execute(text(place.effect), {"event": "evt_1"})


def is_answered_once(place: Place, post: Callable[..., Any]) -> None:
    first, second = post(BODY, JSON), post(BODY, JSON)
    assert (first.status, second.status) == (200, 200)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.body == first.body
    assert place.effects() == 1


@pytest.mark.parametrize(
    "framework", [*FRAMEWORKS, AioHTTPKind(), LitestarKind()], ids=lambda kind: kind.name
)
def test_every_framework(framework: Framework, place: Place) -> None:
    def does(call: Call) -> None:
        try:
            work(place)
        except Exception:  # noqa: BLE001  # as handlers do
            return

    handler = Witness(does, Reply(200, b'{"a": 1}'))
    is_answered_once(place, framework.serve(handler).post)


def test_a_catch_all_error_handler_of_flask(place: Place) -> None:
    app = flask.Flask("shop")
    app.register_error_handler(Exception, lambda error: ("broken", 500))

    @app.post(PATH)
    def handle() -> str:
        work(place)
        return "done"

    is_answered_once(place, UnderFlaskClient(app).post)


def test_a_catch_all_error_handler_of_fastapi(place: Place) -> None:
    app = FastAPI()

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("broken", 500)

    @app.post(PATH)
    def handle() -> str:
        work(place)
        return "done"

    is_answered_once(place, UnderTestClient(app).post)


def test_middleware_of_the_route_that_runs_it_in_a_task_group(place: Place) -> None:
    class Passing(BaseHTTPMiddleware):
        async def dispatch(self, request: StarletteRequest, call_next: Any) -> Any:
            return await call_next(request)

    async def handle(request: StarletteRequest) -> PlainTextResponse:
        work(place)
        return PlainTextResponse("done")

    route = Route(PATH, handle, methods=["POST"], middleware=[Middleware(Passing), Middleware(Passing)])
    is_answered_once(place, UnderTestClient(Starlette(routes=[route])).post)


@pytest.mark.parametrize("groups", ["anyio", "asyncio"])
def test_a_task_group_in_the_handler(groups: str, place: Place) -> None:
    if groups == "asyncio" and sys.version_info < (3, 11):
        return

    async def handle(request: StarletteRequest) -> PlainTextResponse:
        async def child() -> None:
            work(place)

        if groups == "anyio":
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(child)
        else:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child())
        return PlainTextResponse("done")

    route = Route(PATH, handle, methods=["POST"])
    is_answered_once(place, UnderTestClient(Starlette(routes=[route])).post)
