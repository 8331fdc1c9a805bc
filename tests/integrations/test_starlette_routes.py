"""Starlette and FastAPI: every kind of route, and everything that is no delivery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router
from starlette.testclient import TestClient
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

import outworx_otel
from outworx_otel import TrackOptions, webhook

from .asgi_apps import UnderTestClient, UnderTransport
from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
EVERYWHERE = {"*": STRIPE}


async def receives(request: Request) -> Response:
    return PlainTextResponse(await request.body())


class Receiver(HTTPEndpoint):
    """Takes POST alone."""

    async def post(self, request: Request) -> Response:
        return await receives(request)


class SyncReceiver(HTTPEndpoint):
    """Runs in a thread."""

    def post(self, request: Request) -> Response:
        request.state.outworx_track.processed()
        return PlainTextResponse("in a thread")


def test_class_based_endpoints_are_deliveries(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor(EVERYWHERE)
    app = UnderTransport(Starlette(routes=[Route("/a", Receiver), Route("/b", SyncReceiver)]))
    assert app.post(BODY, deliveries.stripe(), "/a").body == BODY
    assert app.post(BODY, deliveries.stripe(), "/b").body == b"in a thread"
    assert app.post(BODY, deliveries.stripe(secret=deliveries.WRONG), "/a").status == 401
    assert [span.attributes["http.route"] for span in telemetry.deliveries()] == ["/a", "/b", "/a"]


def test_a_method_that_a_class_does_not_have_is_the_frameworks_405(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(EVERYWHERE)
    app = UnderTransport(Starlette(routes=[Route("/a", Receiver)]))
    assert app.post(BODY, deliveries.stripe(), "/a", "PUT").status == 405
    assert telemetry.said("outcome") == "unrouted"


def nested() -> FastAPI:
    inner, outer, app = APIRouter(), APIRouter(prefix="/outer"), FastAPI()

    @inner.post("/hook/{tenant}")
    async def hook(tenant: str, request: Request) -> str:
        return tenant + (await request.body()).decode()

    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/api")
    return app


def test_included_routers_are_known_by_their_whole_template(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({"/api/outer/inner/hook/{tenant}": STRIPE})
    app = UnderTestClient(nested())
    path = "/api/outer/inner/hook/acme"
    assert app.post(BODY, deliveries.stripe(), path).status == 200
    assert app.post(BODY, deliveries.stripe(secret=deliveries.WRONG), path).status == 401
    good, _ = telemetry.deliveries()
    assert good.attributes["http.route"] == "/api/outer/inner/hook/{tenant}"
    assert good.attributes["url.path"] == path


def test_mounted_applications_are_known_by_the_whole_path(monitor: Monitor, telemetry: Telemetry) -> None:
    sub = Starlette(routes=[Route("/hook/{id}", receives, methods=["POST"])])
    app = Starlette(routes=[Mount("/sub", app=sub), Mount("/group", routes=[Route("/x", Receiver)])])
    monitor(EVERYWHERE)
    client = UnderTransport(app)
    assert client.post(BODY, deliveries.stripe(), "/sub/hook/7").body == BODY
    assert client.post(BODY, deliveries.stripe(), "/group/x").body == BODY
    assert [span.attributes["http.route"] for span in telemetry.deliveries()] == [
        "/sub/hook/{id}",
        "/group/x",
    ]


def test_a_parameter_of_a_mount_is_no_part_of_the_route(monitor: Monitor, telemetry: Telemetry) -> None:
    app = Starlette(routes=[Mount("/tenants/{tenant}", routes=[Route("/hook", Receiver)])])
    monitor(EVERYWHERE)
    UnderTransport(app).post(BODY, deliveries.stripe(), "/tenants/acme/hook")
    assert telemetry.delivery().attributes["http.route"] == "/tenants/{tenant}/hook"


def test_a_fastapi_mounted_in_a_fastapi_behind_a_prefix(monitor: Monitor, telemetry: Telemetry) -> None:
    app = FastAPI()
    app.mount("/sub", nested())
    monitor(EVERYWHERE)
    path = "/behind/sub/api/outer/inner/hook/acme"
    client = TestClient(app, root_path="/behind")
    assert client.post(path, content=BODY, headers=deliveries.stripe()).status_code == 200
    assert telemetry.delivery().attributes["http.route"] == "/sub/api/outer/inner/hook/{tenant}"


def test_routers_and_hosts_on_their_own(monitor: Monitor, telemetry: Telemetry) -> None:
    app = Router([Host("testserver", Router([Route("/a", Receiver)]))])
    monitor(EVERYWHERE)
    assert UnderTransport(app).post(BODY, deliveries.stripe(), "/a").body == BODY
    assert telemetry.delivery().attributes["http.route"] == "/a"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 405),
        ("HEAD", PATH, 405),
        ("OPTIONS", PATH, 405),
        ("DELETE", PATH, 405),
        ("GET", "/nowhere", 404),
        ("GET", "/docs", 200),
    ],
)
def test_what_is_no_delivery_passes_untouched(
    method: str, path: str, status: int, monitor: Monitor, telemetry: Telemetry
) -> None:
    app = FastAPI()
    app.post(PATH)(lambda: "received")
    monitor(EVERYWHERE)
    assert UnderTestClient(app).post(b"", {}, path, method).status == status
    assert telemetry.deliveries() == []


def test_websockets_and_lifespan_are_untouched(monitor: Monitor, telemetry: Telemetry) -> None:
    lived: list[str] = []

    async def lifespan(app: Any) -> Any:
        lived.append("started")
        yield {"kept": 1}
        lived.append("stopped")

    from contextlib import asynccontextmanager

    app = FastAPI(lifespan=asynccontextmanager(lifespan))

    @app.websocket(PATH)
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    @app.post(PATH)
    async def hook(request: Request) -> int:
        request.state.outworx_track.processed()
        return int(request.state.kept)

    monitor(EVERYWHERE)
    with TestClient(app) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text("hello")
            assert socket.receive_text() == "hello"
        assert client.post(PATH, content=BODY, headers=deliveries.stripe()).text == "1"
    assert lived == ["started", "stopped"]
    assert len(telemetry.deliveries()) == 1


@pytest.mark.needs("starlette >=1.10")
def test_a_route_may_allow_larger_bodies_than_its_application(monitor: Monitor) -> None:
    api = FastAPI(max_body_size=50)
    api.add_api_route("/small", receives, methods=["POST"])
    api.router.routes.append(Route("/large", receives, methods=["POST"], max_body_size=500))
    monitor(EVERYWHERE)
    body = b"x" * 200
    app = UnderTestClient(api)
    assert app.post(body, deliveries.stripe(body), "/large").body == body
    assert app.post(body, deliveries.stripe(body), "/small").status == 413


@pytest.mark.needs("starlette >=1.10")
def test_a_limit_of_the_route_refuses_what_was_verified_before(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = Starlette(routes=[Route(PATH, receives, methods=["POST"], max_body_size=10)])
    monitor(EVERYWHERE)
    assert UnderTransport(app).post(BODY, deliveries.stripe()).status == 413
    assert telemetry.said("signature.valid") is True
    assert telemetry.delivery().attributes["http.response.status_code"] == 413
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "refused"


def test_the_decorator_marks_functions_classes_and_methods(monitor: Monitor, telemetry: Telemetry) -> None:
    class ByMethod(HTTPEndpoint):
        @webhook("github", signature_secret=SECRET)
        async def post(self, request: Request) -> Response:
            return await receives(request)

    marked_class = webhook(TrackOptions("stripe"), signature_secret=SECRET)(type("Marked", (Receiver,), {}))

    @webhook("shopify", signature_secret=SECRET)
    async def function(request: Request) -> Response:
        return await receives(request)

    app = Starlette(
        routes=[
            Route("/function", function, methods=["POST"]),
            Route("/class", marked_class),
            Route("/method", ByMethod),
        ]
    )
    monitor()
    client = UnderTransport(app)
    assert client.post(BODY, deliveries.shopify(), "/function").status == 200
    assert client.post(BODY, deliveries.stripe(), "/class").status == 200
    assert client.post(BODY, deliveries.github(), "/method").status == 200
    assert client.post(BODY, JSON, "/method").status == 401
    assert [span.name for span in telemetry.deliveries()] == [
        "webhook shopify",
        "webhook stripe",
        "webhook github",
        "webhook github",
    ]


def test_one_application_alone_can_be_instrumented(telemetry: Telemetry) -> None:
    from outworx_otel.integrations.fastapi import FastAPIInstrumentor

    chosen, other = FastAPI(), FastAPI()
    for app in (chosen, other):
        app.add_api_route(PATH, receives, methods=["POST"])
    FastAPIInstrumentor.instrument_app(
        chosen, tracer_provider=telemetry.tracer_provider, endpoints=EVERYWHERE
    )
    try:
        assert UnderTestClient(chosen).post(BODY, JSON).status == 401
        assert UnderTestClient(other).post(BODY, JSON).status == 200
    finally:
        FastAPIInstrumentor.uninstrument_app(chosen)
    assert UnderTestClient(chosen).post(BODY, JSON).status == 200
    outworx_otel.uninstrument()


def test_middleware_of_the_applications_own_may_read_the_body_first(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    async def reads(request: Request, call_next: Any) -> Response:
        body = await request.body()
        response: Response = await call_next(request)
        response.headers["x-read"] = str(len(body))
        return response

    app = FastAPI()
    app.middleware("http")(reads)
    app.add_middleware(GZipMiddleware, minimum_size=1)
    app.add_api_route(PATH, receives, methods=["POST"])
    monitor(EVERYWHERE)
    answer = UnderTestClient(app).post(BODY, deliveries.stripe(**{"accept-encoding": "gzip"}))
    assert (answer.status, answer.body, answer.headers["x-read"]) == (200, BODY, str(len(BODY)))
    assert answer.headers["content-encoding"] == "gzip"
    assert len(telemetry.deliveries()) == 1
