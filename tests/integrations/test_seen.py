"""What is addressed to a webhook and never becomes a delivery is seen: with its status, and its proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from django.http import HttpResponse
from django.urls import path as url
from django.views.decorators.csrf import csrf_exempt
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions

from .asgi_apps import UnderTestClient
from .asgi_wire import Wire, parts
from .conftest import Telemetry
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
NEAR = PATH + "s"


async def received(request: Request) -> Any:
    return PlainTextResponse(await request.body())


class Answers:
    """A middleware that answers by itself: authentication, a rate limit, a fault."""

    def __init__(self, app: Any, status: int) -> None:
        self._status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._status == 500:
            raise RuntimeError("the database is away")
        await PlainTextResponse("no", self._status)(scope, receive, send)


def starlette_app(path: str = PATH, methods: Any = ("POST",), status: int | None = None) -> Any:
    middleware = [] if status is None else [Middleware(Answers, status=status)]
    return UnderTestClient(
        Starlette(routes=[Route(path, received, methods=list(methods))], middleware=middleware)
    )


def flask_app(path: str = PATH, methods: Any = ("POST",), status: int | None = None) -> Any:
    app = flask.Flask("shop")
    app.add_url_rule(path, "hook", lambda: "received", methods=list(methods))
    if status == 500:
        app.before_request(lambda: 1 / 0 and None)
    elif status is not None:
        app.before_request(lambda: ("no", status))
    return UnderFlaskClient(app)


def answering(status: int) -> Any:
    def middleware(get_response: Any) -> Any:
        def answers(request: Any) -> Any:
            if status == 500:
                raise RuntimeError("the database is away")
            return HttpResponse("no", status=status)

        return answers

    return middleware


refuses_401, refuses_429, breaks = answering(401), answering(429), answering(500)
_MIDDLEWARE = {401: "refuses_401", 429: "refuses_429", 500: "breaks"}


def django_app(path: str = PATH, methods: Any = ("POST",), status: int | None = None) -> Any:
    @csrf_exempt
    def view(request: Any) -> Any:
        return HttpResponse("received")

    settings = {} if status is None else {"MIDDLEWARE": [f"{__name__}.{_MIDDLEWARE[status]}"]}
    return UnderDjangoClient([url(path.lstrip("/"), view)], settings=settings)


APPS = {"starlette": starlette_app, "flask": flask_app, "django": django_app}
every = pytest.mark.parametrize("app", APPS.values(), ids=APPS)


@every
def test_a_route_that_is_gone_is_unrouted_and_names_the_nearest(
    app: Any, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: STRIPE})
    assert app(NEAR).post(BODY, deliveries.stripe()).status == 404
    assert telemetry.said("outcome") == "unrouted"
    assert telemetry.said("nearest_route") == NEAR
    assert telemetry.said("signature.valid") is True
    assert telemetry.delivery().status.status_code is StatusCode.ERROR
    assert "http.route" not in (telemetry.delivery().attributes or {})


@pytest.mark.parametrize("app", [starlette_app, flask_app], ids=["starlette", "flask"])
def test_a_route_without_the_method_is_unrouted(app: Any, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: STRIPE})
    assert app(methods=["GET"]).post(BODY, deliveries.stripe()).status == 405
    assert (telemetry.said("outcome"), telemetry.said("nearest_route")) == ("unrouted", PATH)


@pytest.mark.parametrize(
    ("app", "status"),
    [(starlette_app, 307), (flask_app, 308), (django_app, 301)],
    ids=["starlette", "flask", "django"],
)
def test_a_slash_redirect_is_seen(app: Any, status: int, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: STRIPE})
    client = app(PATH + "/")
    if app is django_app:
        client.settings = {"MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]}
    others = {"follow_redirects": False} if app is starlette_app else {}
    assert client.post(BODY, deliveries.stripe(), **others).status == status
    assert (telemetry.said("outcome"), telemetry.said("signature.valid")) == ("redirected", True)
    assert telemetry.delivery().status.status_code is StatusCode.ERROR


def test_djangos_append_slash_in_debug_is_an_error(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: STRIPE})
    client = django_app(PATH + "/")
    client.settings = {"MIDDLEWARE": ["django.middleware.common.CommonMiddleware"], "DEBUG": True}
    assert client.post(BODY, deliveries.stripe()).status == 500
    assert telemetry.said("outcome") == "error"


@every
@pytest.mark.parametrize("status", [401, 429])
def test_what_a_middleware_turns_away_is_seen(
    status: int, app: Any, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: STRIPE})
    assert app(status=status).post(BODY, deliveries.stripe()).status == status
    assert (telemetry.said("outcome"), telemetry.said("signature.valid")) == ("turned_away", True)
    assert telemetry.delivery().attributes["http.response.status_code"] == status


@every
def test_a_fault_before_the_handler_is_an_error(app: Any, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: STRIPE})
    assert app(status=500).post(BODY, deliveries.stripe()).status == 500
    assert (telemetry.said("outcome"), telemetry.said("signature.valid")) == ("error", True)


def test_djangos_csrf_check_is_seen(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: STRIPE})
    client = UnderDjangoClient(
        [url(PATH.lstrip("/"), lambda request: HttpResponse("received"))],
        settings={"MIDDLEWARE": ["django.middleware.csrf.CsrfViewMiddleware"]},
        enforce_csrf_checks=True,
    )
    assert client.post(BODY, deliveries.stripe()).status == 403
    assert telemetry.said("outcome") == "turned_away"


def test_a_host_that_django_does_not_allow_is_seen(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: STRIPE})
    client = django_app()
    client.settings = {
        "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"],
        "ALLOWED_HOSTS": ["shop.example"],
    }
    assert client.post(BODY, deliveries.stripe(), HTTP_HOST="elsewhere.example").status == 400
    assert (telemetry.said("outcome"), telemetry.said("signature.valid")) == ("turned_away", True)


@every
def test_what_is_not_proved_genuine_is_no_error_and_bounded(
    app: Any, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({"/elsewhere": STRIPE})
    client = app(NEAR)
    for _ in range(30):
        assert client.post(BODY, {**JSON, "stripe-signature": "t=1,v1=00"}).status == 404
    spans = telemetry.deliveries()
    assert 0 < len(spans) <= 20, "ten in a second, and a second may pass"
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}
    points = telemetry.points("deliveries")
    assert sum(value for _, value in points) == 30
    assert all("http.route" not in attributes for attributes, _ in points)


@every
def test_a_delivery_to_an_old_url_is_told_from_a_scanner(
    app: Any, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({"/webhooks/new": STRIPE})
    assert app(NEAR).post(BODY, deliveries.stripe()).status == 404
    assert (telemetry.said("outcome"), telemetry.said("signature.valid")) == ("unrouted", True)
    assert telemetry.delivery().status.status_code is StatusCode.ERROR


def test_a_dependency_that_fails_after_the_answer_is_on_the_span(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = FastAPI()

    async def session() -> Any:
        yield None
        raise RuntimeError("the commit failed")

    async def hook(request: Request) -> str:
        return "received"

    app.add_api_route(PATH, hook, methods=["POST"], dependencies=[Depends(session)])
    monitor({PATH: STRIPE})
    UnderTestClient(app).post(BODY, deliveries.stripe())
    assert telemetry.said("outcome") == "error"
    (event,) = telemetry.delivery().events
    assert (event.attributes or {})["exception.message"] == "the commit failed"


def test_a_background_task_that_raises_is_on_the_span(monitor: Monitor, telemetry: Telemetry) -> None:
    app = FastAPI()

    def work() -> None:
        raise RuntimeError("the mail server is away")

    async def hook(request: Request, tasks: BackgroundTasks) -> str:
        tasks.add_task(work)
        return "received"

    app.add_api_route(PATH, hook, methods=["POST"])
    monitor({PATH: STRIPE})
    UnderTestClient(app).post(BODY, deliveries.stripe())
    assert telemetry.said("outcome") == "error"
    assert telemetry.delivery().attributes["http.response.status_code"] == 200
    assert telemetry.delivery().status.status_code is StatusCode.ERROR


KEYED = TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)


def test_starlette_a_streamed_answer_that_is_cut_off_frees_its_key(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    runs: list[int] = []

    async def streams(request: Request) -> Any:
        await request.body()
        runs.append(1)

        async def answer() -> Any:
            yield b"one"
            yield b"two"

        return StreamingResponse(answer())

    class HangsUp(Wire):
        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "http.response.body" and len(runs) == 1:
                raise OSError("the caller hung up")

    monitor({PATH: KEYED})
    app = Starlette(routes=[Route(PATH, streams, methods=["POST"])])
    headers = {**deliveries.stripe(), "content-length": str(len(BODY))}
    for kind in (HangsUp, Wire):
        try:
            kind(app, parts(BODY)).run(headers)
        except Exception:  # noqa: BLE001  # however the framework puts it
            assert kind is HangsUp
    assert len(runs) == 2
    first, second = telemetry.deliveries()
    assert (first.attributes or {})["outworx.webhook.idempotency.committed"] is False
    assert (second.attributes or {})["outworx.webhook.idempotency.committed"] is True


@pytest.mark.parametrize("app", ["flask", "django"])
def test_a_streamed_answer_that_is_given_up_frees_its_key(
    app: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    from support.calls import Reply, Witness

    from .django_apps import DjangoKind
    from .flask_apps import FlaskKind

    monitor({PATH: KEYED})
    handler = Witness(lambda call: Reply(body=iter([b"one", b"two"])))
    if app == "flask":
        site = FlaskKind("flask").serve(handler)
        client = site.app.test_client(use_cookies=False)
        answer = client.post(PATH, data=BODY, headers=deliveries.stripe(), buffered=False)
        answer.close()
    else:
        from django.test import Client, override_settings

        from .django_apps import _Urls

        site = DjangoKind("django-wsgi").serve(handler)
        signature = deliveries.stripe()["stripe-signature"]
        with override_settings(ROOT_URLCONF=_Urls(urlpatterns=list(site.urlpatterns))):
            answer = Client().generic("POST", PATH, BODY, "application/json", HTTP_STRIPE_SIGNATURE=signature)
            next(iter(answer.streaming_content))
            answer.close()
    assert telemetry.said("idempotency.committed") is False
    assert telemetry.said("outcome") == "error"
    assert site.post(BODY, deliveries.stripe()).status == 200
    assert len(handler.calls) == 2
