"""Beside OpenTelemetry's own instrumentors, in both load orders: one webhook span, below their server's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.trace import SpanKind
from support import deliveries
from support.calls import PATH, Witness
from support.deliveries import BODY, SECRET

from outworx_otel import TrackOptions

from .asgi_apps import FastAPIKind, StarletteKind, UnderTestClient, UnderTransport
from .conftest import Telemetry
from .django_apps import DjangoKind
from .flask_apps import FlaskKind

Monitor = Callable[..., None]
STRANGER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONFIGURED = {PATH: TrackOptions("stripe", signature_secret=SECRET)}


def fastapi_app(handler: Witness) -> UnderTestClient:
    # The official instrumentor puts another class in the module: it must be looked up there, late.
    import fastapi

    from .asgi_apps import async_endpoint

    app = fastapi.FastAPI()
    app.post(PATH)(async_endpoint(handler))
    return UnderTestClient(app)


def starlette_app(handler: Witness) -> UnderTransport:
    import starlette.applications
    from starlette.routing import Route

    from .asgi_apps import async_endpoint

    routes = [Route(PATH, async_endpoint(handler), methods=["POST"])]
    return UnderTransport(starlette.applications.Starlette(routes=routes))


def flask_app(handler: Witness) -> Any:
    import flask

    from .flask_apps import UnderFlaskClient, flask_call, flask_response

    app = flask.Flask("shop")
    app.add_url_rule(PATH, "view", lambda: flask_response(handler(flask_call())), methods=["POST"])
    return UnderFlaskClient(app)


def django_app(handler: Witness) -> Any:
    return DjangoKind("django").serve(handler, MIDDLEWARE=[_DJANGO_MIDDLEWARE])


def django_asgi_app(handler: Witness) -> Any:
    return DjangoKind("django", asgi=True, asynchronous=True).serve(handler, MIDDLEWARE=[_DJANGO_MIDDLEWARE])


_DJANGO_MIDDLEWARE = "opentelemetry.instrumentation.django.middleware.otel_middleware._DjangoMiddleware"
OFFICIAL: dict[str, tuple[Any, Callable[[Witness], Any]]] = {
    "fastapi": (FastAPIInstrumentor, fastapi_app),
    "starlette": (StarletteInstrumentor, starlette_app),
    "flask": (FlaskInstrumentor, flask_app),
    "django": (DjangoInstrumentor, django_app),
    "django-asgi": (DjangoInstrumentor, django_asgi_app),
}


@pytest.fixture(params=OFFICIAL)
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """One official instrumentor, taken out again after the test."""
    yield request.param
    OFFICIAL[request.param][0]().uninstrument()


def switch_on(name: str, telemetry: Telemetry) -> None:
    OFFICIAL[name][0]().instrument(
        tracer_provider=telemetry.tracer_provider,
        meter_provider=telemetry.meter_provider,
        skip_dep_check=True,
    )


def checked(telemetry: Telemetry) -> None:
    servers = [span for span in telemetry.exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    (server,) = servers
    delivery = telemetry.delivery()
    assert delivery.parent is not None
    assert delivery.parent.span_id == server.context.span_id
    assert (
        server.attributes.get("http.status_code", server.attributes.get("http.response.status_code")) == 200
    )
    assert not delivery.links


@pytest.mark.parametrize("order", ["ours first", "theirs first", "ours after the application"])
def test_one_webhook_span_hangs_below_the_official_server_span(
    order: str, name: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    if order == "ours first":
        monitor(CONFIGURED)
    switch_on(name, telemetry)
    if order == "theirs first":
        monitor(CONFIGURED)
    app = OFFICIAL[name][1](handler)
    if order == "ours after the application":
        monitor(CONFIGURED)
    assert app.post(BODY, {**deliveries.stripe(), "traceparent": STRANGER}).status == 200
    assert handler.bodies == [BODY]
    checked(telemetry)


def test_an_application_instrumented_alone_has_one_webhook_span_too(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = FastAPIKind("fastapi").serve(Witness())
    FastAPIInstrumentor.instrument_app(app.app, tracer_provider=telemetry.tracer_provider)
    monitor(CONFIGURED)
    assert app.post(BODY, deliveries.stripe()).status == 200
    FastAPIInstrumentor.uninstrument_app(app.app)
    checked(telemetry)


def test_a_flask_application_instrumented_alone_has_one_webhook_span_too(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = FlaskKind("flask").serve(Witness())
    FlaskInstrumentor().instrument_app(app.app, tracer_provider=telemetry.tracer_provider)
    monitor(CONFIGURED)
    assert app.post(BODY, deliveries.stripe()).status == 200
    checked(telemetry)


def test_without_the_official_ones_there_is_no_server_span_of_ours(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(CONFIGURED)
    for kind in (StarletteKind("starlette"), FlaskKind("flask"), DjangoKind("django")):
        kind.serve(Witness()).post(BODY, deliveries.stripe())
    kinds = {span.kind for span in telemetry.exporter.get_finished_spans()}
    assert kinds == {SpanKind.CONSUMER}
    assert all(span.parent is None for span in telemetry.deliveries())


@pytest.mark.needs("fastapi >=0.142")
def test_fastapis_native_tracing_is_the_parent(monitor: Monitor, telemetry: Telemetry) -> None:
    import fastapi

    app = fastapi.FastAPI(telemetry={"tracer_provider": telemetry.tracer_provider})
    app.post(PATH)(lambda: "received")
    monitor(CONFIGURED)
    assert UnderTestClient(app).post(BODY, deliveries.stripe()).status == 200
    checked(telemetry)
