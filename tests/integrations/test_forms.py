"""Forms and uploads: verified on their bytes, then parsed by the framework as if nobody had read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import flask
import pytest
from django.http import JsonResponse
from django.urls import path as url
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI, Form, UploadFile
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import SECRET

from outworx_otel import TrackOptions

from .asgi_apps import UnderTestClient
from .conftest import Telemetry
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient

Monitor = Callable[..., None]

FORM = b"a=1&b=two&b=three&c=%C3%BC"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = (
    b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n\r\n--cut--\r\n"
)
PARSED = {"a": "1", "file": [0, 255, 13, 10]}


NO_FORM = Form([])


def fastapi_forms() -> UnderTestClient:
    app = FastAPI()

    @app.post(PATH)
    async def upload(a: str = Form(), file: UploadFile | None = None, b: list[str] = NO_FORM) -> Any:
        return {"a": a, "b": b, "file": None if file is None else list(await file.read())}

    return UnderTestClient(app)


def flask_forms() -> UnderFlaskClient:
    app = flask.Flask("forms")

    @app.post(PATH)
    def upload() -> Any:
        form, file = flask.request.form, flask.request.files.get("file")
        return {"a": form["a"], "b": form.getlist("b"), "file": None if file is None else list(file.read())}

    return UnderFlaskClient(app)


def django_forms() -> UnderDjangoClient:
    @csrf_exempt
    def upload(request: Any) -> JsonResponse:
        form, file = request.POST, request.FILES.get("file")
        listed = None if file is None else list(file.read())
        return JsonResponse({"a": form["a"], "b": form.getlist("b"), "file": listed})

    return UnderDjangoClient([url(PATH.lstrip("/"), upload)])


def django_async_forms() -> UnderDjangoClient:
    forms = django_forms()
    forms.asgi = True
    return forms


@pytest.mark.parametrize("app", [fastapi_forms, flask_forms, django_forms, django_async_forms])
@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (URLENCODED, FORM, {"a": "1", "b": ["two", "three"], "file": None}),
        ("multipart/form-data; boundary=cut", MULTIPART, {"a": "1", "b": [], "file": [0, 255]}),
    ],
)
def test_forms_and_uploads_are_parsed_by_the_framework_after_verification(
    content_type: str, body: bytes, expected: dict[str, Any], app: Any, monitor: Monitor
) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, event_type_field="a")})
    answer = app().post(body, deliveries.stripe(body) | {"content-type": content_type})
    assert answer.status == 200
    found = json.loads(answer.body)
    assert {**found, "file": found["file"] and found["file"][:2]} == expected


def test_the_event_of_a_form_is_read_from_its_fields(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("mine", signature_verifier=lambda body, headers: True, event_type_field="b")})
    framework.serve(Witness()).post(b"a=1&b=order.paid", {"content-type": URLENCODED})
    assert telemetry.said("event.type") == "order.paid"
