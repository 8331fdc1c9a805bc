"""Starlette's and FastAPI's background tasks: marks that are made after the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions, current_track

from .asgi_apps import UnderTestClient, UnderTransport
from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
EVERYWHERE = {"*": STRIPE}


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_a_mark_made_in_a_background_task_counts(
    framework: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    def later() -> None:
        assert telemetry.deliveries() == []
        current_track().processed()

    async def answers(request: Request) -> Response:
        return PlainTextResponse("soon", background=BackgroundTask(later))

    async def answers_too(tasks: BackgroundTasks) -> str:
        tasks.add_task(later)
        return "soon"

    monitor({"*": TrackOptions("stripe", require_processing_mark=True)})
    if framework == "starlette":
        app: Any = UnderTransport(Starlette(routes=[Route(PATH, answers, methods=["POST"])]))
    else:
        api = FastAPI()
        api.post(PATH)(answers_too)
        app = UnderTestClient(api)
    assert app.post(BODY, JSON).status == 200
    assert telemetry.said("processing.status") == "completed"
    assert telemetry.delivery().end_time <= telemetry.said("processing.marked_at") * 1e9 + 1000


def test_a_background_task_without_a_mark_is_a_silent_drop_and_its_exception_an_error(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    async def answers(tasks: BackgroundTasks, fails: bool = False) -> str:
        tasks.add_task(lambda: 1 // 0 if fails else None)
        return "soon"

    app = FastAPI()
    app.post(PATH)(answers)
    monitor({"*": TrackOptions("stripe", require_processing_mark=True)})
    UnderTestClient(app).post(BODY, JSON)
    UnderTestClient(app).post(BODY, JSON, PATH + "?fails=1")
    dropped, failed = telemetry.deliveries()
    assert dropped.attributes["outworx.webhook.processing.status"] == "silent_drop"
    assert failed.attributes["error.type"] == "ZeroDivisionError"
