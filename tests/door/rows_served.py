"""The configured path is served by something that is no route of the framework's own."""

from __future__ import annotations

from typing import Any

import starlette.routing
from django.http import HttpResponse
from django.urls import path as url
from fastapi import FastAPI
from flask import Flask
from flask import request as flask_request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Match, Mount, Route, Router
from support.calls import PATH
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.integrations.flask import FlaskInstrumentor
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import asgi_handler, django_view, starlette_handler, wsgi_handler
from .rows_plain import DJANGO_BY_HAND, ONE
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import AS_IF_NOT_THERE, SIGNED, Rows, Send, Site

# No seam of ours stands where it is answered: the door verifies it before, and reports it after.
NO_SEAM: Any = {"handler_in_context": False}

ROWS = Rows()


def _mount(site: Site, serve: Any) -> list[Any]:
    return [Mount("/webhooks", app=serve)]


def _mount_of_everything(site: Site, serve: Any) -> list[Any]:
    return [Mount("", app=serve)]


def _mount_in_a_mount(site: Site, serve: Any) -> list[Any]:
    return [Mount("/webhooks", routes=[Mount("", app=serve)])]


def _host(site: Site, serve: Any) -> list[Any]:
    return [Host("testserver", app=serve)]


class OwnRoute(starlette.routing.BaseRoute):
    """A route that somebody wrote himself."""

    def __init__(self, serve: Any) -> None:
        self.serve = serve

    def matches(self, scope: Any) -> Any:
        return (Match.FULL if scope["type"] == "http" and scope["path"] == PATH else Match.NONE), {}

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await self.serve(scope, receive, send)


def _own_route(site: Site, serve: Any) -> list[Any]:
    return [OwnRoute(serve)]


class OwnHandle(Route):
    """A Route whose `handle` does the work."""

    def __init__(self, path: str, serve: Any) -> None:
        super().__init__(path, lambda request: None, methods=["POST"])
        self.serve = serve

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await self.serve(scope, receive, send)


def _own_handle(site: Site, serve: Any) -> list[Any]:
    return [OwnHandle(PATH, serve)]


def _route_of_an_application(site: Site, serve: Any) -> list[Any]:
    """As slack_bolt's adapter and others are mounted: an object with `__call__(scope, receive, send)`."""

    class Served:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await serve(scope, receive, send)

    return [Route(PATH, Served(), methods=["POST"])]


SERVED_BY = {
    "a Mount": _mount,
    "a Mount of everything": _mount_of_everything,
    "a Mount in a Mount": _mount_in_a_mount,
    "a Host": _host,
    "a BaseRoute with a handle of its own": _own_route,
    "a Route with a handle of its own": _own_handle,
    "a Route of an ASGI application": _route_of_an_application,
}


def _starlette(routes: Any) -> Any:
    def build(site: Site) -> Send:
        site.instrument()
        return over_asgi(Starlette(routes=routes(site, asgi_handler(site))))

    return build


def _fastapi_one_app(routes: Any) -> Any:
    def build(site: Site) -> Send:
        app = FastAPI(routes=routes(site, asgi_handler(site)))
        return over_asgi(site.switched_on(FastAPIInstrumentor.instrument_app, app, endpoints=ONE))

    return build


def _by_hand(routes: Any) -> Any:
    def build(site: Site) -> Send:
        middleware = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
        return over_asgi(Starlette(routes=routes(site, asgi_handler(site)), middleware=middleware))

    return build


for _name, _routes in SERVED_BY.items():
    ROWS.add(f"starlette, instrumented, served by {_name}")(_starlette(_routes))
    ROWS.add(f"fastapi, instrument_app, served by {_name}")(_fastapi_one_app(_routes))
    ROWS.add(f"starlette, adapter by hand, served by {_name}")(_by_hand(_routes))


@ROWS.add("starlette, instrumented, served by the router's default")
def routers_default(site: Site) -> Send:
    site.instrument()
    app = Starlette()
    app.router.default = asgi_handler(site)
    return over_asgi(app)


@ROWS.add("starlette, instrumented, served by a mounted router's default")
def mounted_routers_default(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Mount("/webhooks", app=Router(default=asgi_handler(site)))]))


@ROWS.add("starlette, instrumented, served by the handler of 404", **NO_SEAM)
def handler_of_404(site: Site) -> Send:
    site.instrument()

    async def missing(request: Request, error: Exception) -> Response:
        return PlainTextResponse(site.ran(await request.body()))

    return over_asgi(Starlette(exception_handlers={404: missing}))


@ROWS.add("starlette, instrumented, answered by a BaseHTTPMiddleware", **NO_SEAM)
def answering_http_middleware(site: Site) -> Send:
    site.instrument()
    handle = starlette_handler(site)

    async def dispatch(request: Request, call_next: Any) -> Response:
        return await handle(request) if request.url.path == PATH else await call_next(request)

    return over_asgi(Starlette(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]))


class Answering:
    """A pure ASGI middleware that serves the path itself."""

    def __init__(self, app: Any, serve: Any) -> None:
        self._app, self._serve = app, serve

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        chosen = self._serve if scope.get("path") == PATH else self._app
        await chosen(scope, receive, send)


@ROWS.add("starlette, instrumented, answered by a pure ASGI middleware", **NO_SEAM)
def answering_middleware(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(middleware=[Middleware(Answering, serve=asgi_handler(site))]))


@ROWS.add("fastapi, instrumented, answered by @app.middleware", **NO_SEAM)
def answering_fastapi_middleware(site: Site) -> Send:
    site.instrument()
    app = FastAPI()
    handle = starlette_handler(site)

    @app.middleware("http")
    async def dispatch(request: Request, call_next: Any) -> Response:
        return await handle(request) if request.url.path == PATH else await call_next(request)

    return over_asgi(app)


@ROWS.add(
    "starlette, adapter by hand, answered by a middleware inside it", refusals=AS_IF_NOT_THERE, **NO_SEAM
)
def answering_inside_the_adapter(site: Site) -> Send:
    outside = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
    return over_asgi(Starlette(middleware=[*outside, Middleware(Answering, serve=asgi_handler(site))]))


@ROWS.add("bare ASGI application, plain adapter by hand, mounted in Starlette")
def bare_with_adapter(site: Site) -> Send:
    inner = site.switched_on(AnyASGIMiddleware, asgi_handler(site), options=SIGNED)
    return over_asgi(Starlette(routes=[Mount("", app=inner)]))


@ROWS.add("bare ASGI application, plain adapter by hand, instrumented too, mounted in Starlette")
def bare_with_adapter_and_instrumentor(site: Site) -> Send:
    site.instrument()
    return bare_with_adapter(site)


# Flask.


@ROWS.add("flask, instrumented, answered by before_request", **NO_SEAM)
def flask_before_request(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    app.before_request(lambda: site.ran(flask_request.get_data()))
    return over_wsgi(app)


@ROWS.add("flask, instrumented, served by the handler of 404", **NO_SEAM)
def flask_404(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    app.register_error_handler(404, lambda error: site.ran(flask_request.get_data()))
    return over_wsgi(app)


@ROWS.add("flask, instrumented, answered by what replaced wsgi_app", **NO_SEAM)
def flask_wsgi_app(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    app.wsgi_app = wsgi_handler(site)  # type: ignore[method-assign]
    return over_wsgi(app)


@ROWS.add("flask, instrument_app, a foreign application mounted by DispatcherMiddleware", **NO_SEAM)
def flask_dispatcher(site: Site) -> Send:
    app = Flask("shop")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/webhooks": wsgi_handler(site)})  # type: ignore[method-assign]
    return over_wsgi(site.switched_on(FlaskInstrumentor.instrument_app, app, endpoints=ONE))


# Django.


def _django_answering(site: Site) -> str:
    """A middleware of this site's, under a name that Django can import."""
    view = django_view(site)

    def answering(get_response: Any) -> Any:
        return lambda request: view(request) if request.path == PATH else get_response(request)

    globals()["django_answering"] = answering
    return f"{__name__}.django_answering"


def _django_view_middleware(site: Site) -> str:
    view = django_view(site)

    class Answering:
        def __init__(self, get_response: Any) -> None:
            self._get_response = get_response

        def __call__(self, request: Any) -> Any:
            return self._get_response(request)

        def process_view(self, request: Any, *others: Any) -> Any:
            return view(request)

    globals()["django_view_answering"] = Answering
    return f"{__name__}.django_view_answering"


def _django(send: Any, by_hand: bool, made: Any) -> Any:
    def build(site: Site) -> Send:
        adapter = [DJANGO_BY_HAND] if by_hand and site.guarded else []
        if not by_hand:
            site.instrument()
        urls = [url(PATH[1:], lambda request: HttpResponse("not the one"))]
        return send(urls, MIDDLEWARE=[*adapter, made(site)], OUTWORX_ROUTES=ONE)

    return build


for _name, _made in (
    ("a middleware", _django_answering),
    ("a middleware's process_view", _django_view_middleware),
):
    ROWS.add(f"django WSGI, instrumented, answered by {_name}", **NO_SEAM)(_django(django_wsgi, False, _made))
    ROWS.add(f"django ASGI, instrumented, answered by {_name}", **NO_SEAM)(_django(django_asgi, False, _made))
    ROWS.add(f"django WSGI, adapter by hand, answered by {_name}", **NO_SEAM)(
        _django(django_wsgi, True, _made)
    )
