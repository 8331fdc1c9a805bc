"""`track.defer()`: the mark comes from a thread, a task or a background task after the answer."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from django.http import HttpResponse
from django.test import AsyncClient, override_settings
from django.urls import path as url
from fastapi import BackgroundTasks, FastAPI, Request
from flask import Flask, g
from integrations.asgi_apps import UnderTestClient
from integrations.conftest import FRAMEWORKS, Telemetry
from integrations.django_apps import UnderDjangoClient, _Urls
from integrations.flask_apps import UnderFlaskClient
from support.calls import PATH, Framework
from support.deliveries import BODY, JSON

from outworx_otel import TrackContext, TrackOptions, current_track

from .delivering import MARKED, Monitor, deliver, is_error, process, processes, said


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_a_thread_marks_after_the_answer(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    answered = threading.Event()
    threads: list[threading.Thread] = []

    def hands_over(track: TrackContext) -> None:
        def work() -> None:
            answered.wait(15)
            track.processed({"order": 7})

        track.defer(60)
        threads.append(threading.Thread(target=work))
        threads[0].start()

    monitor({PATH: MARKED})
    deliver(framework, hands_over)
    delivery = telemetry.delivery()
    assert said(delivery, "processing.status") == "deferred"
    assert not is_error(delivery)
    assert [span.name for span in telemetry.spans()] == ["webhook stripe"]
    answered.set()
    threads[0].join()
    span = process(telemetry)
    assert said(span, "processing.status") == "completed"
    assert said(span, "metadata.order") == 7
    assert 0 <= said(span, "processing.queue_delay") < 15
    assert said(span, "provider") == "stripe"
    assert span.start_time >= delivery.end_time - 1_000_000
    assert not is_error(span)
    assert len(telemetry.deliveries()) == 1


def test_an_asyncio_task_marks_after_fastapis_answer(monitor: Monitor, telemetry: Telemetry) -> None:
    app = FastAPI()
    tasks: list[asyncio.Task[None]] = []

    async def work(answered: asyncio.Event) -> None:
        await answered.wait()
        current_track().failed("no stock")

    async def receive(request: Request) -> dict[str, bool]:
        request.state.outworx_track.defer(60)
        tasks.append(asyncio.create_task(work(app.state.answered)))
        return {"received": True}

    async def send() -> None:
        app.state.answered = asyncio.Event()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            assert (await client.post(PATH, content=BODY, headers=JSON)).status_code == 200
        assert said(telemetry.delivery(), "processing.status") == "deferred"
        app.state.answered.set()
        await tasks[0]

    app.post(PATH)(receive)
    monitor({PATH: MARKED})
    asyncio.run(send())
    span = process(telemetry)
    assert (said(span, "processing.status"), said(span, "processing.reason")) == ("failed", "no stock")
    assert is_error(span)
    assert not is_error(telemetry.delivery())


def test_an_asyncio_task_marks_after_djangos_answer(monitor: Monitor, telemetry: Telemetry) -> None:
    tasks: list[asyncio.Task[None]] = []
    answered: list[asyncio.Event] = []

    async def work(track: TrackContext) -> None:
        await answered[0].wait()
        track.processed()

    async def receive(request: Any) -> HttpResponse:
        request.outworx_track.defer(60)
        tasks.append(asyncio.create_task(work(request.outworx_track)))
        return HttpResponse("ok")

    async def send() -> None:
        answered.append(asyncio.Event())
        assert (await AsyncClient().post(PATH, BODY, "application/json")).status_code == 200
        assert said(telemetry.delivery(), "processing.status") == "deferred"
        answered[0].set()
        await tasks[0]

    monitor({PATH: MARKED})
    with override_settings(ROOT_URLCONF=_Urls(urlpatterns=[url(PATH.lstrip("/"), receive)])):
        asyncio.run(send())
    assert said(process(telemetry), "processing.status") == "completed"


def fastapi_background(work: Any) -> UnderTestClient:
    app = FastAPI()

    async def receive(request: Request, tasks: BackgroundTasks) -> str:
        request.state.outworx_track.defer(60)
        tasks.add_task(work, request.state.outworx_track)
        return "soon"

    app.post(PATH)(receive)
    return UnderTestClient(app, raises=True)


def flask_background(work: Any) -> UnderFlaskClient:
    app = Flask("shop")

    @app.post(PATH)
    def receive() -> Any:
        g.outworx_track.defer(60)
        response, track = app.make_response("soon"), g.outworx_track
        response.call_on_close(lambda: work(track))
        return response

    return UnderFlaskClient(app)


def django_background(work: Any) -> UnderDjangoClient:
    def receive(request: Any) -> HttpResponse:
        request.outworx_track.defer(60)
        response = HttpResponse("soon")
        response._resource_closers.append(lambda: work(request.outworx_track))
        return response

    return UnderDjangoClient([url(PATH.lstrip("/"), receive)], raises=True)


@pytest.mark.parametrize("background", [fastapi_background, flask_background, django_background])
def test_a_mark_in_what_runs_after_the_answer_is_a_process_span_once_deferred(
    background: Any, monitor: Monitor, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    reported: list[int] = []

    def work(track: TrackContext) -> None:
        reported.append(len(telemetry.deliveries()))
        track.processed({"booked": True})

    monitor({PATH: MARKED})
    assert background(work).post(BODY, JSON).status == 200
    assert len(reported) == 1
    assert said(telemetry.delivery(), "processing.status") == "deferred"
    assert said(process(telemetry), "processing.status") == "completed"
    assert said(process(telemetry), "metadata.booked") is True
    assert caplog.records == []


def test_a_background_task_that_outlasts_our_patience_defers_by_itself(
    monitor: Monitor,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from outworx_otel.delivery import _lifecycle

    app = FastAPI()

    def work(track: TrackContext) -> None:
        for _ in range(1500):
            if telemetry.deliveries():
                break
            threading.Event().wait(0.01)
        track.processed()

    async def receive(request: Request, tasks: BackgroundTasks) -> str:
        tasks.add_task(work, request.state.outworx_track)
        return "soon"

    app.post(PATH)(receive)
    monkeypatch.setattr(_lifecycle, "BACKGROUND_SECONDS", 0.05)
    monitor({PATH: TrackOptions("stripe", require_processing_mark=True)})
    assert UnderTestClient(app, raises=True).post(BODY, JSON).status == 200
    assert said(telemetry.delivery(), "processing.status") == "deferred"
    assert said(process(telemetry), "processing.status") == "completed"
    assert caplog.records == []
    assert len(processes(telemetry)) == 1
