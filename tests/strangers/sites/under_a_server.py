"""One endpoint that verifies and one that is open, in four applications; runs and spans go to files.

`DOOR_FILES` names the folder.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path as url
from django.views.decorators.csrf import csrf_exempt
from flask import Flask, request
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

import outworx_otel
from outworx_otel import TrackOptions, current_track

SECRET = os.environ["DOOR_SECRET"]
FILES = Path(os.environ["DOOR_FILES"])
METHODS = ["GET", "DELETE", "REPORT", "POST", "PUT"]


class ToFile(SpanExporter):
    """Writes each webhook span as a line."""

    def export(self, spans: Any) -> SpanExportResult:
        with (FILES / "spans").open("a") as file:
            for span in spans:
                file.write(json.dumps(told(span)) + "\n")
        return SpanExportResult.SUCCESS


def told(span: ReadableSpan) -> dict[str, Any]:
    attributes = dict(span.attributes or {})
    return {
        "name": span.name,
        "valid": attributes.get("outworx.webhook.signature.valid"),
        "status": attributes.get("http.response.status_code"),
        "method": attributes.get("http.request.method"),
        "parent": None if span.parent is None else span.parent.span_id,
    }


def ran(body: bytes) -> str:
    with (FILES / "ran").open("a") as file:
        file.write(base64.b64encode(body).decode() + "\n")
    return "served"


def context() -> str:
    """What the context of a request holds that is nobody's delivery."""
    span = trace.get_current_span().get_span_context()
    return json.dumps({"span": span.is_valid, "delivery": current_track() is current_track()})


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ToFile()))
trace.set_tracer_provider(provider)
settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only for tests",  # noqa: S106
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    USE_TZ=True,
)
django.setup()
outworx_otel.instrument(
    endpoints={
        "/hook": TrackOptions("stripe", signature_secret=SECRET),
        "/mounted": TrackOptions("stripe", signature_secret=SECRET),
    }
)


# Django.


@csrf_exempt
def django_hook(native: Any) -> HttpResponse:
    return HttpResponse(ran(native.body))


def django_context(native: Any) -> HttpResponse:
    return HttpResponse(context())


urlpatterns = [
    url("hook", django_hook),
    url("open", csrf_exempt(lambda native: HttpResponse(ran(native.body)))),
    url("context", django_context),
    url("healthz", lambda native: HttpResponse("ok")),
]
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

django_asgi = get_asgi_application()
django_wsgi = get_wsgi_application()


# Starlette.


async def hook(native: Request) -> Response:
    return PlainTextResponse(ran(await native.body()))


async def opened(native: Request) -> Response:
    return PlainTextResponse(ran(await native.body()))


async def mounted(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse(ran(await Request(scope, receive).body()))(scope, receive, send)


async def told_context(native: Request) -> Response:
    return PlainTextResponse(context())


async def healthy(native: Request) -> Response:
    return PlainTextResponse("ok")


starlette_app = Starlette(
    routes=[
        Route("/hook", hook, methods=METHODS),
        Route("/open", opened, methods=METHODS),
        Route("/context", told_context),
        Route("/healthz", healthy),
        Mount("/mounted", app=mounted),
    ]
)


# Flask.

flask_app = Flask("shop")
flask_app.add_url_rule("/hook", "hook", lambda: ran(request.get_data()), methods=METHODS)
flask_app.add_url_rule("/open", "open", lambda: ran(request.get_data()), methods=METHODS)
flask_app.add_url_rule("/context", "context", context)
flask_app.add_url_rule("/healthz", "healthy", lambda: "ok")
