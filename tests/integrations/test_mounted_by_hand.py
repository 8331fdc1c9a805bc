"""The ASGI middleware mounted by hand: alone, with the instrumentor, and round any ASGI application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, WebSocket
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from support import deliveries
from support.calls import PATH, Call, Witness
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import ConfigurationError, TrackOptions, webhook
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as BareMiddleware
from outworx_otel.integrations.asgi import instrument_app
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware
from outworx_otel.setup import runtime as runtimes
from outworx_otel.telemetry import Telemetry as Instruments

from .asgi_apps import UnderTestClient, UnderTransport, async_endpoint
from .asgi_wire import Wire, parts
from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)


@pytest.fixture(params=["alone", "with the instrumentor"])
def mounted(request: pytest.FixtureRequest, monitor: Monitor, telemetry: Telemetry) -> None:
    """The middleware has the providers of the test, with and without the instrumentor beside it."""
    if request.param == "alone":
        instruments = Instruments(telemetry.tracer_provider, telemetry.meter_provider)
        runtimes.replace(runtimes.Runtime(telemetry=instruments))
    else:
        monitor({"*": TrackOptions("github")})


def app_with(handler: Witness, options: TrackOptions = STRIPE) -> UnderTestClient:
    app = FastAPI()
    app.add_middleware(OutworxHooksMiddleware, options=options)
    app.post(PATH)(async_endpoint(handler))
    return UnderTestClient(app)


def test_it_verifies_and_reports_once(mounted: None, telemetry: Telemetry) -> None:
    handler = Witness(lambda call: call.track and call.track.processed())
    app = app_with(handler)
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, deliveries.stripe(secret=deliveries.WRONG)).status == 401
    assert handler.bodies == [BODY]
    good, bad = telemetry.deliveries()
    assert good.name == bad.name == "webhook stripe"
    assert good.attributes["outworx.webhook.processing.status"] == "completed"
    assert good.attributes["http.route"] == PATH


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/docs", 200), ("OPTIONS", PATH, 405), ("POST", "/nowhere", 404), ("PUT", PATH, 405)],
)
def test_what_is_no_delivery_passes_untouched(
    method: str, path: str, status: int, mounted: None, telemetry: Telemetry
) -> None:
    assert app_with(Witness()).post(b"", {}, path, method).status == status
    assert telemetry.deliveries() == []


def test_only_its_paths_concern_it(telemetry: Telemetry, mounted: None) -> None:
    handler = Witness()
    options = TrackOptions("stripe", signature_secret=SECRET, paths=["/webhooks/*"])
    app = app_with(handler, options)
    app.app.post("/orders")(async_endpoint(handler))
    assert app.post(BODY, JSON, "/orders").status == 200
    assert app.post(BODY, JSON).status == 401


def test_templates_of_included_and_mounted_routes_are_known(mounted: None, telemetry: Telemetry) -> None:
    inner, app = APIRouter(), FastAPI()
    inner.post("/hook/{tenant}")(async_endpoint(Witness()))
    app.include_router(inner, prefix="/api")
    app.mount(
        "/sub",
        Starlette(
            routes=[Mount("/{group}", routes=[Route("/x/{id}", async_endpoint(Witness()), methods=["POST"])])]
        ),
    )
    app.add_middleware(OutworxHooksMiddleware, options=STRIPE)
    client = UnderTestClient(app)
    assert client.post(BODY, deliveries.stripe(), "/api/hook/acme").status == 200
    assert client.post(BODY, deliveries.stripe(), "/sub/g/x/1").status == 200
    assert client.post(BODY, deliveries.stripe(), "/sub/g/nowhere").status == 404
    assert [span.attributes.get("http.route") for span in telemetry.deliveries()] == [
        "/api/hook/{tenant}",
        "/sub/{group}/x/{id}",
        None,
    ]
    assert telemetry.deliveries()[-1].attributes["outworx.webhook.outcome"] == "unrouted"


def test_the_decorator_outranks_it(mounted: None, telemetry: Telemetry) -> None:
    app, router = FastAPI(), APIRouter()
    app.add_middleware(OutworxHooksMiddleware, options=STRIPE)

    @app.post("/a")
    @router.post("/b")
    @webhook("github", signature_secret=SECRET)
    async def hook() -> str:
        return "received"

    app.include_router(router, prefix="/included")
    assert UnderTestClient(app).post(BODY, deliveries.github(), "/a").status == 200
    assert UnderTestClient(app).post(BODY, deliveries.github(), "/included/b").status == 200
    assert [span.name for span in telemetry.deliveries()] == ["webhook github"] * 2


def test_an_unhandled_exception_passes_and_an_answered_one_counts_as_its_status(
    mounted: None, telemetry: Telemetry
) -> None:
    def raises(call: Call) -> None:
        raise HTTPException(418) if b"tea" in call.body else RuntimeError("lost")

    app = app_with(Witness(raises), TrackOptions("stripe"))
    assert app.post(b"tea", {}).status == 418
    assert app.post(b"coffee", {}).status == 500
    answered, lost = telemetry.deliveries()
    assert answered.attributes["http.response.status_code"] == 418
    assert lost.attributes["error.type"] == "RuntimeError"


def test_two_of_them_with_paths_of_their_own_stand_side_by_side(mounted: None, telemetry: Telemetry) -> None:
    app = FastAPI()
    for provider in ("stripe", "github"):
        options = TrackOptions(provider, signature_secret=SECRET, paths=[f"/{provider}"])
        app.add_middleware(OutworxHooksMiddleware, options=options)
        app.post(f"/{provider}")(async_endpoint(Witness()))
    client = UnderTestClient(app)
    assert client.post(BODY, deliveries.stripe(), "/stripe").status == 200
    assert client.post(BODY, deliveries.github(), "/github").status == 200
    assert [span.name for span in telemetry.deliveries()] == ["webhook stripe", "webhook github"]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """No framework at all."""
    assert scope["type"] == "http"
    message = await receive()
    scope["state"]["outworx_track"].processed()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


@pytest.mark.parametrize("wrap", [BareMiddleware, instrument_app])
def test_a_bare_application_is_served_too(wrap: Any, mounted: None, telemetry: Telemetry) -> None:
    headers = {**deliveries.stripe(), "content-length": str(len(BODY))}
    answer = Wire(wrap(bare, STRIPE), parts(BODY)).run(headers)
    assert answer is not None
    assert answer.body == BODY
    assert telemetry.said("processing.status") == "completed"


def test_wrong_options_are_an_error_at_start() -> None:
    with pytest.raises(ConfigurationError, match="signature_secret"):
        UnderTransport(OutworxHooksMiddleware(bare, TrackOptions("stripe", signature_secret="")))


def test_websockets_pass(mounted: None, telemetry: Telemetry) -> None:
    app = app_with(Witness()).app

    @app.websocket("/socket")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")

    with TestClient(app).websocket_connect("/socket") as socket:
        assert socket.receive_text() == "hello"


def test_the_handler_may_ask_its_request_for_the_body_twice(mounted: None) -> None:
    app = FastAPI()
    app.add_middleware(OutworxHooksMiddleware, options=STRIPE)

    @app.post(PATH)
    async def hook(request: Request) -> bool:
        return await request.body() == BODY and (await request.json())["id"] == "evt_1"

    assert UnderTestClient(app).post(BODY, deliveries.stripe()).body == b"true"
