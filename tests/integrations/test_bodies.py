"""Bodies that cannot be verified, and bodies that verification must leave intact."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import flask
import pytest
from opentelemetry.trace import StatusCode
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import BODY, SECRET

from outworx_otel import TrackOptions

from .asgi_apps import FastAPIKind
from .asgi_wire import Wire, parts
from .conftest import Telemetry
from .django_apps import DjangoKind
from .flask_apps import FlaskKind, UnderFlaskClient

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
SMALL = TrackOptions("stripe", signature_secret=SECRET, max_body_size=len(BODY) - 1)


def reported_as_unavailable(telemetry: Telemetry, status: int) -> None:
    assert telemetry.said("signature.valid") is False
    assert telemetry.said("signature.reason") == "body_unavailable"
    assert telemetry.said("signature.hint")
    assert telemetry.delivery().status.status_code is StatusCode.ERROR
    assert telemetry.delivery().attributes["http.response.status_code"] == status


def test_a_body_over_the_cap_is_answered_413(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: SMALL})
    assert framework.serve(handler).post(BODY, deliveries.stripe()).status == 413
    assert handler.calls == []
    reported_as_unavailable(telemetry, 413)


def test_a_body_over_the_cap_reaches_the_handler_whole_where_nothing_is_rejected(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor(
        {
            PATH: TrackOptions(
                "stripe", signature_secret=SECRET, max_body_size=9, reject_invalid_signatures=False
            )
        }
    )
    assert framework.serve(handler).post(BODY, deliveries.stripe()).status == 200
    assert handler.bodies == [BODY]
    assert telemetry.said("signature.reason") == "body_unavailable"


def test_a_body_over_the_cap_is_nobodys_business_where_nothing_is_verified(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("stripe", max_body_size=9, idempotency_key="body.id", capture_body=True)})
    assert framework.serve(handler).post(BODY, deliveries.JSON).status == 200
    assert handler.bodies == [BODY]
    assert telemetry.said("signature.valid") is None
    assert telemetry.said("request.body") is None


def test_an_empty_body_is_verified_like_any_other(framework: Framework, monitor: Monitor) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    assert framework.serve(handler).post(b"", deliveries.stripe(b"")).status == 200
    assert handler.bodies == [b""]


def test_a_large_body_arrives_unchanged(framework: Framework, monitor: Monitor) -> None:
    handler = Witness()
    body = bytes(range(1, 256)) * 4096  # below the 1 MiB from which older aiohttp refuses one
    monitor({PATH: STRIPE})
    assert framework.serve(handler).post(body, deliveries.stripe(body)).status == 200
    assert handler.bodies == [body]


def asgi_app(handler: Witness) -> Any:
    return FastAPIKind("fastapi").serve(handler).app


def test_asgi_a_chunked_body_is_verified_and_replayed(monitor: Monitor) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    wire = Wire(asgi_app(handler), parts(BODY[:7], BODY[7:]))
    answer = wire.run({**deliveries.stripe(), "transfer-encoding": "chunked"})
    assert answer is not None
    assert answer.status == 200
    assert handler.bodies == [BODY]


def test_asgi_http2_needs_neither_length_nor_transfer_encoding(monitor: Monitor) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    answer = Wire(asgi_app(handler), parts(BODY)).run(deliveries.stripe(), http_version="2")
    assert answer is not None
    assert answer.status == 200
    assert handler.bodies == [BODY]


def test_asgi_a_chunked_body_over_the_cap_is_read_no_further(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: SMALL})
    wire = Wire(asgi_app(Witness()), parts(*[BODY] * 50))
    answer = wire.run({**deliveries.stripe(), "transfer-encoding": "chunked"})
    assert answer is not None
    assert answer.status == 413
    assert wire.events.count("receive") == 1
    reported_as_unavailable(telemetry, 413)


def test_asgi_a_client_that_goes_away_mid_body_is_reported(monitor: Monitor, telemetry: Telemetry) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    length = str(len(BODY))
    Wire(asgi_app(handler), parts(BODY[:5], ends=False)).run(
        {**deliveries.stripe(), "content-length": length}
    )
    assert handler.calls == []
    reported_as_unavailable(telemetry, 400)


def test_asgi_a_body_that_a_middleware_swallowed_is_called_unreadable(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    class Greedy:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await receive()

            async def nothing() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            await self.app(scope, nothing, send)

    handler = Witness()
    app = FastAPIKind("fastapi").serve(handler)
    app.app.add_middleware(Greedy)
    monitor({PATH: STRIPE})
    assert app.post(BODY, deliveries.stripe()).status == 400
    reported_as_unavailable(telemetry, 400)
    assert "read the body" in telemetry.said("signature.hint")


def flask_app(handler: Witness, **config: Any) -> UnderFlaskClient:
    return FlaskKind("flask").serve(handler, **config)


def test_flask_a_body_that_breaks_off_is_reported(monitor: Monitor, telemetry: Telemetry) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    environ = {"CONTENT_LENGTH": str(len(BODY) + 10), "wsgi.input": io.BytesIO(BODY)}
    assert flask_app(handler).post(b"", deliveries.stripe(), environ_overrides=environ).status == 400
    assert handler.calls == []
    reported_as_unavailable(telemetry, 400)


@pytest.mark.parametrize("length", ["", str(len(BODY))])
def test_flask_a_connection_that_is_reset_is_reported(
    length: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    class Reset:
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError

    handler = Witness()
    monitor({PATH: STRIPE})
    environ = {"CONTENT_LENGTH": length, "wsgi.input": Reset(), "wsgi.input_terminated": True}
    headers = {**deliveries.stripe(), **({} if length else {"transfer-encoding": "chunked"})}
    assert flask_app(handler).post(b"", headers, environ_overrides=environ).status == 400
    reported_as_unavailable(telemetry, 400)


def test_flask_a_limit_of_the_applications_own_is_reported(monitor: Monitor, telemetry: Telemetry) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    app = flask_app(handler, MAX_CONTENT_LENGTH=10)
    assert app.post(BODY, deliveries.stripe()).status == 413
    assert handler.calls == []
    assert telemetry.said("signature.valid") is True
    assert telemetry.said("outcome") == "refused"


@pytest.mark.parametrize("size", [len(BODY), 9])
def test_flask_a_chunked_body_is_verified_up_to_the_cap(size: int, monitor: Monitor) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, max_body_size=size)})
    environ = {"wsgi.input": io.BytesIO(BODY), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    headers = {**deliveries.stripe(), "transfer-encoding": "chunked"}
    answer = flask_app(handler).post(b"", headers, environ_overrides=environ)
    assert answer.status == (200 if size == len(BODY) else 413)
    assert handler.bodies == ([BODY] if size == len(BODY) else [])


def test_flask_a_form_read_before_the_view_was_verified_before_it_was_read(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = flask_app(Witness())
    app.app.before_request(lambda: flask.request.form.get("a") and None)
    monitor({PATH: STRIPE})
    body = b"a=1&b=2"
    headers = deliveries.stripe(body) | {"content-type": "application/x-www-form-urlencoded"}
    assert app.post(body, headers).status == 200
    assert app.post(body + b"&c=3", headers).status == 401
    assert [span.attributes["outworx.webhook.signature.valid"] for span in telemetry.deliveries()] == [
        True,
        False,
    ]


def test_flask_json_read_before_the_view_does_no_harm(monitor: Monitor) -> None:
    handler = Witness()
    app = flask_app(handler)
    app.app.before_request(lambda: flask.request.get_json() and None)
    monitor({PATH: STRIPE})
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert handler.bodies == [BODY]


def greedy_middleware(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        request.read()
        return get_response(request)

    return middleware


def test_django_a_stream_read_before_the_view_was_verified_before_it_was_read(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    app = DjangoKind("django-wsgi").serve(Witness(), MIDDLEWARE=[f"{__name__}.greedy_middleware"])
    monitor({PATH: STRIPE})
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY + b" ", deliveries.stripe()).status == 401
    assert [span.attributes["outworx.webhook.signature.valid"] for span in telemetry.deliveries()] == [
        True,
        False,
    ]


@pytest.mark.parametrize("asgi", [False, True])
def test_django_a_body_over_djangos_own_limit_names_the_setting(
    asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    app = DjangoKind("django", asgi=asgi).serve(Witness(), DATA_UPLOAD_MAX_MEMORY_SIZE=10)
    monitor({PATH: STRIPE})
    assert app.post(BODY, deliveries.stripe()).status == 413
    reported_as_unavailable(telemetry, 413)
    assert "DATA_UPLOAD_MAX_MEMORY_SIZE" in telemetry.said("signature.hint")


def test_django_a_body_that_breaks_off_is_reported(monitor: Monitor, telemetry: Telemetry) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    broken = {"CONTENT_LENGTH": str(len(BODY)), "wsgi.input": io.BytesIO(BODY[:9])}
    assert DjangoKind("django").serve(handler).post(b"", deliveries.stripe(), **broken).status == 400
    assert handler.calls == []
    reported_as_unavailable(telemetry, 400)
