"""Signed deliveries through every test client."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from typing import Any

import flask
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from outworx_otel import ConfigurationError, webhook
from outworx_otel.signatures import verify
from outworx_otel.testing import Webhooks, post_webhook, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # the specification's published example
EVENT = {"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"name": "Zoë"}}}

PROVIDERS = ("stripe", "github", "shopify", "svix", "slack")


def fastapi_app() -> FastAPI:
    app = FastAPI()
    for provider in PROVIDERS:

        @app.post(f"/{provider}")
        @webhook(provider, signature_secret=SECRET)
        async def receive(request: Request) -> Any:
            return await request.json()

    @app.post("/unsigned")
    @webhook("acme")
    async def unsigned(request: Request) -> Any:
        return request.headers["x-acme"]

    return app


def flask_app() -> flask.Flask:
    app = flask.Flask(__name__)
    for provider in PROVIDERS:

        @app.post(f"/{provider}", endpoint=provider)
        @webhook(provider, signature_secret=SECRET)
        def receive() -> Any:
            return flask.request.get_json()

    return app


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_delivery_is_accepted_by_starlettes_client(provider: str, captured: Webhooks) -> None:
    response = post_webhook(TestClient(fastapi_app()), f"/{provider}", provider, EVENT, SECRET)
    assert (response.status_code, response.json()) == (200, EVENT)
    assert captured.last.signature_valid is True
    assert captured.last.provider == provider


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_delivery_is_accepted_by_flasks_client(provider: str, captured: Webhooks) -> None:
    response = post_webhook(flask_app().test_client(), f"/{provider}", provider, EVENT, SECRET)
    assert (response.status_code, response.get_json()) == (200, EVENT)
    assert captured.last.signature_valid is True


def test_a_signed_delivery_is_accepted_by_httpx_asynchronously(captured: Webhooks) -> None:
    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(fastapi_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            response: httpx.Response = await post_webhook(client, "/stripe", "stripe", EVENT, SECRET)
            return response

    assert asyncio.run(post()).status_code == 200
    assert captured.last.signature_valid is True


DJANGO = f"""
import asyncio, sys
import django
from django.conf import settings
from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", SECRET_KEY="of no use here")
django.setup()
from outworx_otel import instrument, webhook
from outworx_otel.testing import capture, post_webhook
instrument()

@csrf_exempt
@webhook("github", signature_secret={SECRET!r})
def receive(request):
    return JsonResponse({{"event": request.headers["X-GitHub-Event"], "type": request.content_type}})

urlpatterns = [path("hook", receive)]
given = ("/hook", "github", {{"ref": "refs/heads/main"}}, {SECRET!r})
headers = {{"X-GitHub-Event": "push"}}
with capture() as webhooks:
    answers = [
        post_webhook(Client(), *given, headers=headers),
        asyncio.run(post_webhook(AsyncClient(), *given, headers=headers)),
    ]
for answer, delivery in zip(answers, webhooks, strict=True):
    print(answer.status_code, answer.json()["event"], answer.json()["type"], delivery.signature_valid)
"""


def test_a_signed_delivery_is_accepted_by_djangos_clients() -> None:
    # Django is configured once per process, and this one is not ours alone.
    run = subprocess.run(  # noqa: S603  # our own program text
        [sys.executable, "-W", "ignore", "-c", DJANGO],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["200 push application/json True"] * 2


def test_a_wrong_secret_and_a_stale_time_are_turned_away(captured: Webhooks) -> None:
    client = TestClient(fastapi_app())
    assert post_webhook(client, "/stripe", "stripe", EVENT, "whsec_d3Jvbmc=").status_code == 401
    assert captured.last.signature_reason == "hmac_mismatch"
    assert post_webhook(client, "/stripe", "stripe", EVENT, SECRET, now=1_600_000_000).status_code == 401
    assert captured.last.signature_reason == "timestamp_drift"


def test_without_a_secret_nothing_is_signed_and_headers_go_along(captured: Webhooks) -> None:
    response = post_webhook(
        TestClient(fastapi_app()),
        "/unsigned",
        "acme",
        "plain",
        headers={"X-Acme": "yes"},
        content_type="text/plain",
    )
    assert response.json() == "yes"
    assert captured.last.signature_valid is None


class Recorder:
    __module__ = "httpx"
    base_url = "https://shop.example"

    def post(self, url: str, content: bytes, headers: dict[str, str]) -> tuple[str, bytes, dict[str, str]]:
        return url, content, headers


def test_the_url_that_is_called_is_the_one_that_is_signed() -> None:
    form = "application/x-www-form-urlencoded"
    _, body, headers = post_webhook(
        Recorder(), "/sms?x=1", "twilio", b"From=%2B1&Body=hi", "token", content_type=form
    )
    assert verify("twilio", body, headers, "token", url="https://shop.example/sms?x=1").valid
    _, body, headers = post_webhook(
        Recorder(),
        "/sms",
        "twilio",
        b"From=1",
        "token",
        content_type=form,
        public_url="https://proxy.example/sms",
    )
    assert verify("twilio", body, headers, "token", url="https://proxy.example/sms").valid


def test_bytes_and_text_go_out_exactly_as_they_are() -> None:
    for body in (b'{ "a" :1 }\r\n', '{"ë": 1}'):
        _, sent, headers = post_webhook(Recorder(), "/", "github", body, SECRET)
        assert sent == (body if isinstance(body, bytes) else body.encode())
        assert verify("github", sent, headers, SECRET, tolerance=math.inf).valid


def test_a_client_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(TypeError, match=r"builtins\.object"):
        post_webhook(object(), "/", "stripe", EVENT, SECRET)


def test_what_cannot_be_signed_says_why() -> None:
    with pytest.raises(ConfigurationError, match="acme"):
        post_webhook(Recorder(), "/", "acme", EVENT, SECRET)


def test_sign_gives_the_headers_alone() -> None:
    assert verify("stripe", b"{}", sign("stripe", b"{}", SECRET), SECRET).valid
