"""Django's middleware mounted by hand: alone, with the instrumentor, and beside other middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

import outworx_otel
from outworx_otel import ConfigurationError, TrackOptions
from outworx_otel.setup import runtime as runtimes
from outworx_otel.telemetry import Telemetry as Instruments

from .conftest import Telemetry
from .django_apps import UnderDjangoClient
from .test_django_views import BOTH, MIDDLEWARE, AsyncReceiver, Receiver, app_with

Monitor = Callable[..., None]
MOUNTED = {
    "MIDDLEWARE": [MIDDLEWARE],
    "OUTWORX_HOOKS_OPTIONS": {"provider": "stripe", "signature_secret": SECRET},
}


@BOTH
@pytest.mark.parametrize("view", [Receiver, AsyncReceiver])
def test_the_middleware_works_with_and_without_the_instrumentor(
    view: Any, asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    app = app_with(view.as_view(), asgi, **MOUNTED)
    monitor({PATH: TrackOptions("github")})
    assert app.post(BODY, deliveries.stripe()).body == BODY
    outworx_otel.uninstrument()
    runtimes.replace(runtimes.Runtime(telemetry=Instruments(telemetry.tracer_provider)))
    assert app.post(BODY, deliveries.stripe()).body == BODY
    assert app.post(BODY, JSON).status == 401
    assert app.post(BODY, JSON, method="PUT").status == 405
    assert app.post(BODY, JSON, "/nowhere").status == 404
    spans = telemetry.deliveries()
    assert [span.name for span in spans] == ["webhook stripe"] * 3
    assert [span.attributes.get("outworx.webhook.processing.status") for span in spans] == [
        "completed",
        "completed",
        None,
    ]


class SyncOnly:
    """A middleware of the old school, which makes Django change threads."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self._get_response(request)


@BOTH
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("view", [Receiver, AsyncReceiver])
def test_the_middleware_stands_beside_one_that_is_sync_only(
    view: Any,
    inside: bool,
    asgi: bool,
    monitor: Monitor,
    telemetry: Telemetry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = f"{__name__}.SyncOnly"
    order = [MIDDLEWARE, other] if inside else [other, MIDDLEWARE]
    monitor()
    app = app_with(view.as_view(), asgi, **{**MOUNTED, "MIDDLEWARE": order})
    assert app.post(BODY, deliveries.stripe()).body == BODY
    assert telemetry.said("processing.status") == "completed"
    assert "Failed to detach" not in caplog.text


def test_the_views_own_405_frees_its_key(monitor: Monitor, telemetry: Telemetry) -> None:
    options = {"provider": "stripe", "idempotency_key": "body.id", "methods": ["POST", "PUT"]}
    monitor()
    app = app_with(
        csrf_exempt(require_POST(lambda request: HttpResponse("ok"))),
        MIDDLEWARE=[MIDDLEWARE],
        OUTWORX_HOOKS_OPTIONS=options,
    )
    assert app.post(BODY, JSON, method="PUT").status == 405
    assert app.post(BODY, JSON).status == 200
    assert len(telemetry.deliveries()) == 1


def test_routes_in_the_settings_have_their_own_options(monitor: Monitor, telemetry: Telemetry) -> None:
    routes = {"/a": {"provider": "github", "signature_secret": SECRET}, "/b/*": TrackOptions("shopify")}
    settings = {"MIDDLEWARE": [MIDDLEWARE], "OUTWORX_ROUTES": routes}
    urls = [path(name, Receiver.as_view()) for name in ("a", "b/1", "c")]
    app = UnderDjangoClient(urls, settings=settings)
    monitor()
    assert app.post(BODY, deliveries.github(), "/a").status == 200
    assert app.post(BODY, {}, "/a").status == 401
    assert app.post(BODY, {}, "/b/1").status == 200
    assert app.post(BODY, {}, "/c").status == 500  # the view wants a handle, and this path has none
    assert [span.name for span in telemetry.deliveries()] == [
        "webhook github",
        "webhook github",
        "webhook shopify",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"OUTWORX_HOOKS_OPTIONS": {"provder": "stripe"}}, "did you mean 'provider'"),
        ({"OUTWORX_HOOKS_OPTIONS": "stripe"}, "OUTWORX_HOOKS_OPTIONS"),
        ({"OUTWORX_ROUTES": {"/a": {"provider": "stripe", "signature_secret": ""}}}, "signature_secret"),
        ({"OUTWORX_ROUTES": {"/a": None}}, "OUTWORX_ROUTES"),
    ],
)
def test_wrong_settings_are_errors_that_say_where(settings: dict[str, Any], message: str) -> None:
    app = app_with(Receiver.as_view(), MIDDLEWARE=[MIDDLEWARE], **settings)
    with pytest.raises(ConfigurationError, match=message):
        app.post(BODY, JSON)
