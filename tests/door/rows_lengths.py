"""A body whose length nobody announced, with methods that seldom have one: it is there all the same."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path as url
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from flask import Flask
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from support.calls import PATH

from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import async_django_view, django_view, flask_view, starlette_handler
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import SIGNED, Rows, Send, Site

ROWS = Rows()
SELDOM = ("GET", "DELETE", "REPORT")
LISTENED = ("POST", "PUT", "PATCH")


def _starlette(method: str) -> Any:
    def build(site: Site) -> Send:
        site.instrument()
        app = Starlette(routes=[Route(PATH, starlette_handler(site), methods=[method])])
        return over_asgi(app, method, length=False)

    return build


def _starlette_marked(method: str) -> Any:
    def build(site: Site) -> Send:
        site.instrument({})
        app = Starlette(routes=[Route(PATH, site.marked(starlette_handler(site)), methods=[method])])
        return over_asgi(app, method, length=False)

    return build


def _fastapi(method: str) -> Any:
    def build(site: Site) -> Send:
        site.instrument()
        app = FastAPI()

        @app.api_route(PATH, methods=[method])
        async def hook(request: FastAPIRequest) -> str:
            return site.ran(await request.body())

        return over_asgi(app, method, length=False)

    return build


def _django_function(method: str, view: Any = django_view) -> Any:
    def build(site: Site) -> Send:
        site.instrument()
        return django_asgi([url(PATH[1:], view(site))], method, length=False)

    return build


def _flask_chunked(method: str) -> Any:
    def build(site: Site) -> Send:
        site.instrument()
        app = Flask("shop")
        app.add_url_rule(PATH, "hook", flask_view(site), methods=[method])
        return over_wsgi(app, method, length=False)

    return build


def _by_hand(middleware: Any, method: str) -> Any:
    def build(site: Site) -> Send:
        app = Starlette(
            routes=[Route(PATH, starlette_handler(site), methods=[method])],
            middleware=[Middleware(middleware, options=SIGNED)] if site.guarded else [],
        )
        return over_asgi(app, method, length=False)

    return build


for _method in (*SELDOM, *LISTENED):
    ROWS.add(f"starlette route, {_method} without length")(_starlette(_method))
    ROWS.add(f"django function, {_method} without length")(_django_function(_method))
for _method in SELDOM:
    ROWS.add(f"starlette marked, {_method} without length")(_starlette_marked(_method))
    ROWS.add(f"django async function, {_method} without length")(_django_function(_method, async_django_view))
    ROWS.add(f"flask, {_method} in chunks")(_flask_chunked(_method))
    ROWS.add(f"starlette, adapter by hand, {_method} without length")(
        _by_hand(OutworxHooksMiddleware, _method)
    )
for _method in ("GET", "DELETE", "POST"):
    ROWS.add(f"fastapi, {_method} without length")(_fastapi(_method))
    ROWS.add(f"starlette, plain ASGI adapter by hand, {_method} without length")(
        _by_hand(AnyASGIMiddleware, _method)
    )


@ROWS.add("starlette, a middleware outside drops the length, POST")
def length_dropped(site: Site) -> Send:
    return _dropping(site, "content-length", "POST")


@ROWS.add("starlette, a middleware outside drops the length, GET")
def length_dropped_of_get(site: Site) -> Send:
    return _dropping(site, "content-length", "GET")


@ROWS.add("starlette, a middleware inside drops the length, GET")
def length_dropped_inside(site: Site) -> Send:
    site.instrument()

    def drops(app: Any) -> Any:
        return _Dropping(app, b"content-length")

    app = Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["GET"])], middleware=[Middleware(drops)]
    )
    return over_asgi(app, "GET")


@ROWS.add("starlette, length 0 announced and a body behind it, GET")
def length_of_zero(site: Site) -> Send:
    site.instrument()

    async def lies(scope: Any, receive: Any, send: Any) -> None:
        headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        await app({**scope, "headers": [*headers, (b"content-length", b"0")]}, receive, send)

    app = Starlette(routes=[Route(PATH, starlette_handler(site), methods=["GET"])])
    return over_asgi(lies, "GET")


def _dropping(site: Site, header: str, method: str) -> Send:
    site.instrument()
    app = Starlette(routes=[Route(PATH, starlette_handler(site), methods=[method])])
    return over_asgi(_Dropping(app, header.encode()), method)


class _Dropping:
    def __init__(self, app: Any, header: bytes) -> None:
        self._app, self._header = app, header

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [pair for pair in scope.get("headers", ()) if pair[0] != self._header]
        await self._app({**scope, "headers": headers}, receive, send)


# HEAD runs `get`.


def _http_endpoint(site: Site) -> Any:
    class Hook(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return PlainTextResponse(site.ran(await request.body()))

    return Hook


@ROWS.add("starlette HTTPEndpoint, HEAD with a body")
def head_of_endpoint(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Route(PATH, _http_endpoint(site))]), "HEAD")


@ROWS.add("starlette HTTPEndpoint marked, HEAD with a body without length")
def head_of_marked_endpoint(site: Site) -> Send:
    site.instrument({})
    app = Starlette(routes=[Route(PATH, site.marked(_http_endpoint(site)))])
    return over_asgi(app, "HEAD", length=False)


@ROWS.add("starlette HTTPEndpoint whose get is marked, HEAD with a body")
def head_of_marked_get(site: Site) -> Send:
    site.instrument({})

    async def get(self: Any, request: Request) -> Response:
        return PlainTextResponse(site.ran(await request.body()))

    hook = type("Hook", (HTTPEndpoint,), {"get": site.marked(get)})
    return over_asgi(Starlette(routes=[Route(PATH, hook)]), "HEAD")


@ROWS.add("starlette route of GET, HEAD with a body")
def head_of_function(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Route(PATH, starlette_handler(site))]), "HEAD")


def _django_view_class(site: Site) -> Any:
    @method_decorator(csrf_exempt, name="dispatch")
    class Hook(View):
        def get(self, request: Any) -> HttpResponse:
            return HttpResponse(site.ran(request.body))

    return Hook


@ROWS.add("django View under WSGI, HEAD with a body")
def head_of_django_view(site: Site) -> Send:
    site.instrument()
    return django_wsgi([url(PATH[1:], _django_view_class(site).as_view())], "HEAD")


@ROWS.add("django View under ASGI, HEAD with a body without length")
def head_of_django_view_asgi(site: Site) -> Send:
    site.instrument()
    return django_asgi([url(PATH[1:], _django_view_class(site).as_view())], "HEAD", length=False)


@ROWS.add("django View whose get is marked, HEAD with a body")
def head_of_django_marked_get(site: Site) -> Send:
    site.instrument({})

    def get(self: Any, request: Any) -> HttpResponse:
        return HttpResponse(site.ran(request.body))

    hook = csrf_exempt(type("Hook", (View,), {"get": site.marked(get)}).as_view())
    return django_wsgi([url(PATH[1:], hook)], "HEAD")


@ROWS.add("flask MethodView, HEAD with a body")
def head_of_flask_view(site: Site) -> Send:
    site.instrument()

    class Hook(MethodView):
        def get(self) -> str:
            return flask_view(site)()

    app = Flask("shop")
    app.add_url_rule(PATH, view_func=Hook.as_view("hook"))
    return over_wsgi(app, "HEAD")
