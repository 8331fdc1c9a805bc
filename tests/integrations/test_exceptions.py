"""Handlers that raise: what the framework answers with, and what is an error."""

from __future__ import annotations

from collections.abc import Callable

import flask
import pytest
from django.http import HttpResponse
from fastapi import Request
from opentelemetry.trace import StatusCode
from starlette.responses import PlainTextResponse
from support.calls import PATH, Call, Framework, Reply, Witness
from support.deliveries import BODY, JSON

from outworx_otel import TrackOptions

from .asgi_apps import FastAPIKind, StarletteKind
from .conftest import Telemetry
from .django_apps import DjangoKind
from .flask_apps import FlaskKind

Monitor = Callable[..., None]


class OutOfStock(Exception):
    """The shop's own."""


def fails(call: Call) -> None:
    raise OutOfStock("no more bicycles")


def test_an_exception_passes_through_unchanged(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    original = OutOfStock("no more bicycles")

    def raises(call: Call) -> None:
        raise original

    monitor({PATH: TrackOptions("stripe")})
    with pytest.raises(OutOfStock) as caught:
        framework.serve(Witness(raises), raises=True).post(BODY, JSON)
    assert caught.value is original
    assert telemetry.delivery().status.status_code is StatusCode.ERROR


def test_an_exception_is_recorded_on_the_span(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe", require_processing_mark=True)})
    assert framework.serve(Witness(fails)).post(BODY, JSON).status == 500
    span = telemetry.delivery()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "OutOfStock: no more bicycles"
    assert span.attributes["error.type"] == f"{__name__}.OutOfStock"
    (event,) = span.events
    assert event.attributes["exception.message"] == "no more bicycles"
    assert telemetry.said("processing.status") is None
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "error"


class ServiceRefused(Exception):
    """As clients of other services raise them (openai.APIStatusError)."""

    status_code = 429


def test_the_status_of_another_services_answer_is_not_the_handlers(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def calls_a_service(call: Call) -> None:
        raise ServiceRefused

    monitor({PATH: TrackOptions("stripe")})
    assert framework.serve(Witness(calls_a_service)).post(BODY, JSON).status == 500
    assert telemetry.delivery().attributes["error.type"] == f"{__name__}.ServiceRefused"


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_exception_that_is_an_answer_counts_as_its_status(
    status: int, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def refuses(call: Call) -> None:
        raise framework.refusal(status)

    monitor({PATH: TrackOptions("stripe", require_processing_mark=True)})
    assert framework.serve(Witness(refuses)).post(BODY, JSON).status == status
    span = telemetry.delivery()
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["http.response.status_code"] == status
    assert span.events == ()
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "refused"


def test_a_5xx_answer_is_an_error(framework: Framework, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: TrackOptions("stripe")})
    assert framework.serve(Witness(replies=Reply(503))).post(BODY, JSON).status == 503
    assert telemetry.delivery().status.status_code is StatusCode.ERROR
    assert telemetry.delivery().attributes["error.type"] == "503"


def test_a_mark_survives_the_exception_after_it(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def marks_and_raises(call: Call) -> None:
        assert call.track is not None
        call.track.processed()
        raise OutOfStock

    monitor({PATH: TrackOptions("stripe")})
    framework.serve(Witness(marks_and_raises)).post(BODY, JSON)
    assert telemetry.said("processing.status") == "completed"
    assert telemetry.delivery().status.status_code is StatusCode.ERROR


def an_error_that_was_answered(telemetry: Telemetry) -> None:
    span = telemetry.delivery()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == f"{__name__}.OutOfStock"


@pytest.mark.parametrize("kind", [StarletteKind("starlette"), FastAPIKind("fastapi")])
def test_asgi_an_exception_that_an_error_handler_answers_is_still_an_error(
    kind: StarletteKind | FastAPIKind, monitor: Monitor, telemetry: Telemetry
) -> None:
    async def excuses(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("never mind")

    monitor({PATH: TrackOptions("stripe")})
    app = kind.serve(Witness(fails), exception_handlers={OutOfStock: excuses})
    assert app.post(BODY, JSON).status == 200
    an_error_that_was_answered(telemetry)


def test_flask_an_exception_that_an_error_handler_answers_is_still_an_error(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = FlaskKind("flask").serve(Witness(fails))
    app.app.register_error_handler(OutOfStock, lambda error: "never mind")
    monitor({PATH: TrackOptions("stripe")})
    assert app.post(BODY, JSON).status == 200
    an_error_that_was_answered(telemetry)


class Excusing:
    """A Django middleware that answers for the view."""

    def __init__(self, get_response: Callable[..., HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: object) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: object, error: Exception) -> HttpResponse:
        return HttpResponse("never mind")


@pytest.mark.parametrize("asgi", [False, True])
def test_django_an_exception_that_a_middleware_answers_is_still_an_error(
    asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    app = DjangoKind("django", asgi=asgi).serve(Witness(fails), MIDDLEWARE=[f"{__name__}.Excusing"])
    assert app.post(BODY, JSON).status == 200
    an_error_that_was_answered(telemetry)


def test_fastapi_a_body_that_fails_validation_is_the_callers_error(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    from fastapi import FastAPI

    from .asgi_apps import UnderTestClient

    app = FastAPI()

    @app.post(PATH)
    async def wants_a_number(amount: int) -> None:
        """Takes a query parameter that nobody sends."""

    monitor({PATH: TrackOptions("stripe")})
    assert UnderTestClient(app).post(BODY, JSON).status == 422
    assert telemetry.delivery().status.status_code is StatusCode.UNSET
    assert telemetry.delivery().attributes["http.response.status_code"] == 422


@pytest.mark.parametrize("status", [200, 409])
def test_flask_abort_with_a_whole_response_counts_as_its_status(
    status: int, monitor: Monitor, telemetry: Telemetry
) -> None:
    def aborts(call: Call) -> None:
        flask.abort(flask.Response("enough", status))

    monitor({PATH: TrackOptions("stripe", require_processing_mark=True)})
    assert FlaskKind("flask").serve(Witness(aborts)).post(BODY, JSON).status == status
    span = telemetry.delivery()
    assert span.attributes["http.response.status_code"] == status
    assert telemetry.said("processing.status") == ("silent_drop" if status == 200 else None)
    assert span.events == ()


def test_flask_a_view_that_returns_nothing_is_an_error_of_the_view(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = flask.Flask("forgetful")
    app.add_url_rule(PATH, "view", lambda: None, methods=["POST"])
    monitor({PATH: TrackOptions("stripe")})
    assert app.test_client().post(PATH, data=BODY, headers=JSON).status_code == 500
    assert telemetry.delivery().attributes["error.type"] == "TypeError"


@pytest.mark.parametrize("asgi", [False, True])
def test_django_a_view_that_returns_nothing_is_an_error_of_the_view(
    asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    from django.urls import path as url

    from .django_apps import UnderDjangoClient

    monitor({PATH: TrackOptions("stripe")})
    app = UnderDjangoClient([url(PATH.lstrip("/"), lambda request: None)], asgi)
    assert app.post(BODY, JSON).status == 500
    assert telemetry.delivery().attributes["error.type"] == "TypeError"
