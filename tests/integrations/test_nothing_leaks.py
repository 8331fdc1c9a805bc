"""Strangers write no lines of a log, and neither signatures nor credentials reach spans, logs or errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastapi.routing
import pytest
import starlette.routing
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions, webhook
from outworx_otel.integrations.asgi import OutworxHooksMiddleware
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.integrations.starlette import StarletteInstrumentor
from outworx_otel.signatures import SignatureScheme, register_provider

from .asgi_apps import UnderTestClient
from .asgi_wire import Wire, parts
from .conftest import Telemetry

Monitor = Callable[..., None]


async def served(request: Request) -> Response:
    return PlainTextResponse("served")


def test_a_path_cannot_write_a_line_of_its_own_into_the_log(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    monitor({"/hooks/*": TrackOptions("stripe", signature_secret=SECRET)})
    app = Starlette(routes=[Route("/hooks/{name}", served, methods=["POST"])])
    assert UnderTestClient(app).post(BODY, JSON, "/hooks/x%0AERROR all is lost%1B[31m").status == 401
    (line,) = [said for said in caplog.messages if said.startswith("webhook rejected")]
    assert "\n" not in line
    assert "\x1b" not in line


def test_what_a_verifier_raises_is_shown_on_one_line_and_without_credentials(
    each: Framework, monitor: Monitor, caplog: pytest.LogCaptureFixture, errors: list[Exception]
) -> None:
    def verifier(raw: bytes, headers: Any) -> bool:
        raise ValueError(f"no match for {SECRET}\nERROR all is lost")

    monitor({PATH: TrackOptions("custom", signature_verifier=verifier)})
    assert each.serve(Witness()).post(BODY, JSON).status == 401
    said = "\n".join([*caplog.messages, *map(str, errors)])
    assert "signature_verifier raised ValueError: no match for [redacted] ERROR all is lost" in said
    assert SECRET not in said
    assert "\nERROR" not in said


def test_the_signature_of_a_provider_of_the_users_own_is_hidden_whatever_its_header_is_called(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    register_provider(SignatureScheme(provider="acme", signature_header=("x-acme-check", "x-acme-v{n}")))
    monitor({PATH: TrackOptions("acme", signature_secret=SECRET)})
    app = Starlette(routes=[Route(PATH, served, methods=["POST"])])
    UnderTestClient(app).post(BODY, {**JSON, "x-acme-check": "c0ffee", "x-acme-v2": "c0ffee"})
    assert "c0ffee" not in str(dict(telemetry.delivery().attributes or {}))


def test_excluded_urls_that_are_no_expression_exclude_nothing_and_break_nothing(
    each: Framework, monitor: Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_OUTWORX_EXCLUDED_URLS", "*health")
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET)})
    app = each.serve(Witness())
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, JSON).status == 401
    assert sum("EXCLUDED_URLS" in said for said in caplog.messages) == 1


def test_the_middleware_serves_a_scope_without_headers() -> None:
    app = OutworxHooksMiddleware(Starlette(routes=[Route(PATH, served)]), TrackOptions("stripe"))
    wire = Wire(app, parts(b""))

    async def without_headers(scope: Any, receive: Any, send: Any) -> None:
        del scope["headers"]
        await app(scope, receive, send)

    wire.app = without_headers
    answer = wire.run()
    assert answer is not None
    assert answer.status == 405


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_uninstrumenting_in_any_order_leaves_every_method_as_it_was(order: tuple[int, int]) -> None:
    def methods() -> list[Any]:
        return [
            starlette.routing.Route.handle,
            fastapi.routing.APIRoute.handle,
            starlette.routing.Router.lifespan,
        ]

    before = methods()
    instrumentors = (FastAPIInstrumentor(), StarletteInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(skip_dep_check=True)
    for position in order:
        instrumentors[position].uninstrument()
    assert methods() == before


def test_a_mark_is_found_where_the_rest_framework_keeps_it() -> None:
    """View sets know their class as `cls` and map methods to actions; `@api_view` keeps the function to itself."""
    from outworx_otel.setup.marking import marked

    class ViewSet:
        @webhook("github")
        def create(self) -> None: ...

    def view() -> None: ...

    view.cls, view.actions = ViewSet, {"post": "create"}  # type: ignore[attr-defined]
    found = marked(view, "POST")
    assert found is not None
    assert found.options.provider == "github"

    @webhook("slack")
    def function() -> None: ...

    def handler(self: Any) -> Any:
        return function

    wrapped = type("WrappedAPIView", (), {"post": handler})
    wrapped.__name__ = "function"
    api_view = lambda: None  # noqa: E731
    api_view.cls = wrapped  # type: ignore[attr-defined]
    found = marked(api_view, "POST")
    assert found is not None
    assert found.options.provider == "slack"
