"""Functions as a service: no server, and no length announced."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import azure.functions
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.urls import path as url
from door.handlers import asgi_handler, django_view, flask_view, starlette_handler
from door.sending import DjangoUnder
from door.site import SIGNED, Rows, Send, Site
from fastapi import FastAPI, Request
from flask import Flask
from mangum import Mangum
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from support.calls import PATH, Answer

from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

ROWS = Rows()


def over_lambda(app: Any, method: str = "POST") -> Send:
    """An API Gateway (HTTP API) event through Mangum."""
    handler = Mangum(app, lifespan="off")

    def send(body: bytes, headers: Mapping[str, str]) -> Answer:
        http = {"method": method, "path": PATH, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
        event: Any = {
            "version": "2.0",
            "rawPath": PATH,
            "rawQueryString": "",
            "headers": {"host": "testserver", **headers},
            "requestContext": {"http": http, "stage": "$default"},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        context: Any = None
        answer = handler(event, context)
        text = str(answer.get("body") or "")
        given = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        return Answer(answer["statusCode"], dict(answer["headers"]), given)

    return send


def _azure_request(method: str, body: bytes, headers: Mapping[str, str]) -> Any:
    return azure.functions.HttpRequest(
        method, f"http://testserver{PATH}", headers={"host": "testserver", **headers}, body=body
    )


class FunctionContext:
    """What a function is given besides its request."""

    function_directory = function_name = invocation_id = ""
    thread_local_storage = trace_context = retry_context = None


def over_azure(app: Any, method: str = "POST") -> Send:
    """An HTTP trigger through azure-functions' AsgiMiddleware."""
    middleware = azure.functions.AsgiMiddleware(app)

    def send(body: bytes, headers: Mapping[str, str]) -> Answer:
        request = _azure_request(method, body, headers)
        try:
            answer = asyncio.run(middleware.handle_async(request, FunctionContext()))
        except Exception as error:  # noqa: BLE001  # the host answers 500
            return Answer(500, {}, repr(error).encode())
        return Answer(answer.status_code, dict(answer.headers), answer.get_body())

    return send


def over_azure_wsgi(app: Any, method: str = "POST") -> Send:
    """The same through its WsgiMiddleware."""
    middleware = azure.functions.WsgiMiddleware(app)

    def send(body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = middleware.handle(_azure_request(method, body, headers), FunctionContext())
        return Answer(answer.status_code, dict(answer.headers), answer.get_body())

    return send


def _starlette(site: Site, method: str) -> Any:
    return Starlette(routes=[Route(PATH, starlette_handler(site), methods=[method])])


def _fastapi(site: Site, method: str) -> Any:
    app = FastAPI()

    async def hook(request: Any) -> str:
        return site.ran(await request.body())

    hook.__annotations__ = {"request": Request, "return": str}
    app.api_route(PATH, methods=[method])(hook)
    return app


def _mounted(site: Site, method: str) -> Any:
    return Starlette(routes=[Mount("", app=asgi_handler(site))])


def _django(site: Site, method: str) -> Any:
    return DjangoUnder(ASGIHandler, [url(PATH[1:], django_view(site))], MIDDLEWARE=[])


APPLICATIONS = {"starlette": _starlette, "fastapi": _fastapi, "mounted ASGI": _mounted, "django": _django}
HOSTS = {"Mangum": over_lambda, "azure-functions": over_azure}

for _host_name, _host in HOSTS.items():
    for _name, _app in APPLICATIONS.items():
        for _method in ("POST", "GET", "DELETE"):

            def _build(site: Site, host: Any = _host, app: Any = _app, method: str = _method) -> Send:
                site.instrument()
                return host(app(site, method), method)

            ROWS.add(f"{_name} under {_host_name}, {_method}")(_build)

    def _by_hand(site: Site, host: Any = _host) -> Send:
        adapter = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
        route = Route(PATH, starlette_handler(site), methods=["POST"])
        return host(Starlette(routes=[route], middleware=adapter))

    def _plainly_by_hand(site: Site, host: Any = _host) -> Send:
        return host(site.switched_on(AnyASGIMiddleware, asgi_handler(site), options=SIGNED))

    ROWS.add(f"starlette under {_host_name}, adapter by hand")(_by_hand)
    ROWS.add(f"bare ASGI under {_host_name}, plain adapter by hand")(_plainly_by_hand)


@ROWS.add("flask under azure-functions")
def flask_under_azure(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    return over_azure_wsgi(app)


@ROWS.add("django WSGI under azure-functions")
def django_under_azure(site: Site) -> Send:
    site.instrument()
    return over_azure_wsgi(DjangoUnder(WSGIHandler, [url(PATH[1:], django_view(site))], MIDDLEWARE=[]))
