"""Shapes of applications that all lead to one verifying endpoint, for requests of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.urls import re_path
from fastapi import FastAPI, Request
from flask import Flask
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from support.calls import PATH

from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import asgi_handler, async_django_view, django_view, flask_view, starlette_handler
from .rows_hidden import async_unwrapped
from .rows_plain import DJANGO_BY_HAND, ONE
from .rows_rewriting import Rewriting
from .rows_served import Answering
from .sending import DjangoUnder
from .site import SIGNED, Site

DEFAULT_METHODS = ("POST", "PUT", "PATCH")
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "REPORT",
    "post",
    "Post",
    "get",
)


def normalises(scope: Any) -> None:
    """What middleware of a helpful kind does, all at once."""
    headers = dict(scope["headers"])
    scope["path"] = "/" + "/".join(filter(None, scope["path"].lower().strip().split("/")))
    scope["method"] = (
        headers.get(b"x-http-method-override", scope["method"].encode()).decode("latin-1").upper()
    )


def _route(handler: Any, **settings: Any) -> Starlette:
    return Starlette(routes=[Route(PATH, handler, methods=[*METHODS, "X"])], **settings)


def starlette_route(site: Site) -> Any:
    site.instrument()
    return _route(starlette_handler(site))


def starlette_marked(site: Site) -> Any:
    site.instrument({})
    return _route(site.marked(starlette_handler(site)))


def starlette_hidden(site: Site) -> Any:
    site.instrument()
    return _route(async_unwrapped(site.marked(starlette_handler(site))))


def starlette_class(site: Site) -> Any:
    site.instrument()

    class Hook(HTTPEndpoint):
        async def get(self, request: StarletteRequest) -> Response:
            return PlainTextResponse(site.ran(await request.body()))

        post = put = delete = report = get

    return Starlette(routes=[Route(PATH, Hook)])


def starlette_rewriting(site: Site) -> Any:
    site.instrument()
    site.rewrites = True
    return _route(starlette_handler(site), middleware=[Middleware(Rewriting, change=normalises)])


def starlette_by_hand(site: Site) -> Any:
    site.rewrites = True
    outside = Middleware(OutworxHooksMiddleware, options=SIGNED)
    return _route(starlette_handler(site), middleware=[outside, Middleware(Rewriting, change=normalises)])


def starlette_mounted(site: Site) -> Any:
    site.instrument({PATH: SIGNED, PATH + "/*": SIGNED})
    return Starlette(routes=[Mount(PATH, app=asgi_handler(site))])


def starlette_answering(site: Site) -> Any:
    site.instrument()
    return Starlette(middleware=[Middleware(Answering, serve=asgi_handler(site))])


def fastapi_route(site: Site) -> Any:
    site.instrument()
    app = FastAPI()

    async def hook(request: Any) -> str:
        return site.ran(await request.body())

    hook.__annotations__ = {"request": Request, "return": str}
    app.api_route(PATH, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])(hook)
    return app


def bare_by_hand(site: Site) -> Any:
    return AnyASGIMiddleware(asgi_handler(site), options=SIGNED)


def bare_by_hand_and_instrumented(site: Site) -> Any:
    site.instrument()
    return Starlette(routes=[Mount("", app=bare_by_hand(site))])


def flask_view_of_all(site: Site) -> Any:
    site.instrument()
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=[*METHODS[:9], "X"], strict_slashes=False)
    return app


def flask_marked(site: Site) -> Any:
    site.instrument({})
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", site.marked(flask_view(site)), methods=METHODS[:9], strict_slashes=False)
    return app


def _urls(view: Any) -> list[Any]:
    return [re_path(rf"(?i)^{PATH[1:]}/?\s*$", view)]


def django_wsgi_function(site: Site) -> Any:
    site.instrument()
    return DjangoUnder(WSGIHandler, _urls(django_view(site)), MIDDLEWARE=[])


def django_asgi_function(site: Site) -> Any:
    site.instrument()
    return DjangoUnder(ASGIHandler, _urls(async_django_view(site)), MIDDLEWARE=[])


def django_by_hand(site: Site) -> Any:
    urls = _urls(django_view(site))
    return DjangoUnder(WSGIHandler, urls, MIDDLEWARE=[DJANGO_BY_HAND], OUTWORX_ROUTES=ONE)


def django_marked(site: Site) -> Any:
    site.instrument({})
    return DjangoUnder(ASGIHandler, _urls(site.marked(django_view(site))), MIDDLEWARE=[])


SHAPES_ASGI: tuple[Callable[[Site], Any], ...] = (
    starlette_route,
    starlette_marked,
    starlette_hidden,
    starlette_class,
    starlette_rewriting,
    starlette_by_hand,
    starlette_mounted,
    starlette_answering,
    fastapi_route,
    bare_by_hand,
    bare_by_hand_and_instrumented,
    django_asgi_function,
    django_marked,
)
SHAPES_WSGI: tuple[Callable[[Site], Any], ...] = (
    flask_view_of_all,
    flask_marked,
    django_wsgi_function,
    django_by_hand,
)
