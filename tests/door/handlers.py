"""The handlers that rows mount: each reads the body and says to its site that it ran."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from flask import request as flask_request
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from .site import Site


def starlette_handler(site: Site) -> Any:
    async def hook(request: Request) -> Response:
        return PlainTextResponse(site.ran(await request.body()))

    return hook


def asgi_handler(site: Site) -> Any:
    """A whole ASGI application without a framework."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        site.ran(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    return app


def wsgi_handler(site: Site) -> Any:
    """A whole WSGI application without a framework."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        length = environ.get("CONTENT_LENGTH")
        site.ran(environ["wsgi.input"].read(int(length) if length else -1))
        start_response("200 OK", [])
        return [b"served"]

    return app


def flask_view(site: Site) -> Any:
    def hook() -> str:
        return site.ran(flask_request.get_data())

    return hook


def exempt(view: Any) -> Any:
    """An async view without Django's CSRF check: its decorator makes a sync function of it before Django 5.0."""
    view.csrf_exempt = True
    return view


def django_view(site: Site) -> Any:
    def hook(request: Any, **others: Any) -> HttpResponse:
        return HttpResponse(site.ran(request.body))

    return csrf_exempt(hook)


def async_django_view(site: Site) -> Any:
    async def hook(request: Any, **others: Any) -> HttpResponse:
        return HttpResponse(site.ran(request.body))

    return exempt(hook)
