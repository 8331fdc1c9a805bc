"""Ordinary deliveries, by which the columns themselves are tried: these hold whatever is done to the door."""

from __future__ import annotations

from typing import Any

from django.urls import path as url
from fastapi import FastAPI, Request
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from support.calls import PATH

from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.asgi import instrument_app
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.integrations.flask import FlaskInstrumentor, with_webhook_monitoring
from outworx_otel.integrations.starlette import OutworxHooksMiddleware, StarletteInstrumentor

from .handlers import asgi_handler, async_django_view, django_view, flask_view, starlette_handler
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import SIGNED, Rows, Send, Site

ROWS = Rows()
ONE = {PATH: SIGNED}
DJANGO_BY_HAND = "outworx_otel.integrations.django.OutworxHooksMiddleware"


def _starlette(site: Site, handler: Any = None, **settings: Any) -> Starlette:
    return Starlette(routes=[Route(PATH, handler or starlette_handler(site), methods=["POST"])], **settings)


def _fastapi(site: Site) -> FastAPI:
    app = FastAPI()

    @app.post(PATH)
    async def hook(request: Request) -> str:
        return site.ran(await request.body())

    return app


def _flask(site: Site, view: Any = None) -> Flask:
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", view or flask_view(site), methods=["POST"])
    return app


@ROWS.add("starlette, instrumented")
def starlette_instrumented(site: Site) -> Send:
    site.instrument()
    return over_asgi(_starlette(site))


@ROWS.add("starlette, one application instrumented")
def starlette_one_app(site: Site) -> Send:
    return over_asgi(site.switched_on(StarletteInstrumentor.instrument_app, _starlette(site), endpoints=ONE))


@ROWS.add("starlette, marked")
def starlette_marked(site: Site) -> Send:
    site.instrument({})
    return over_asgi(_starlette(site, site.marked(starlette_handler(site))))


@ROWS.add("starlette, adapter by hand")
def starlette_by_hand(site: Site) -> Send:
    middleware = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
    return over_asgi(_starlette(site, middleware=middleware))


@ROWS.add("starlette, adapter by hand and instrumented")
def starlette_twice(site: Site) -> Send:
    site.instrument()
    return starlette_by_hand(site)


@ROWS.add("fastapi, instrumented")
def fastapi_instrumented(site: Site) -> Send:
    site.instrument()
    return over_asgi(_fastapi(site))


@ROWS.add("fastapi, one application instrumented")
def fastapi_one_app(site: Site) -> Send:
    return over_asgi(site.switched_on(FastAPIInstrumentor.instrument_app, _fastapi(site), endpoints=ONE))


@ROWS.add("bare ASGI, adapter by hand")
def bare_by_hand(site: Site) -> Send:
    return over_asgi(site.switched_on(AnyASGIMiddleware, asgi_handler(site), options=SIGNED))


@ROWS.add("bare ASGI, instrument_app")
def bare_instrumented(site: Site) -> Send:
    return over_asgi(site.switched_on(instrument_app, asgi_handler(site), SIGNED))


@ROWS.add("flask, instrumented")
def flask_instrumented(site: Site) -> Send:
    site.instrument()
    return over_wsgi(_flask(site))


@ROWS.add("flask, one application instrumented")
def flask_one_app(site: Site) -> Send:
    return over_wsgi(site.switched_on(FlaskInstrumentor.instrument_app, _flask(site), endpoints=ONE))


@ROWS.add("flask, marked")
def flask_marked(site: Site) -> Send:
    site.instrument({})
    return over_wsgi(_flask(site, site.marked(flask_view(site))))


@ROWS.add("flask, monitored by hand")
def flask_by_hand(site: Site) -> Send:
    return over_wsgi(_flask(site, site.switched_on(with_webhook_monitoring(SIGNED), flask_view(site))))


@ROWS.add("flask, monitored by hand and instrumented")
def flask_twice(site: Site) -> Send:
    site.instrument()
    return flask_by_hand(site)


for _name, _send in (("WSGI", django_wsgi), ("ASGI", django_asgi)):
    for _colour, _view in (("sync", django_view), ("async", async_django_view)):

        def _instrumented(site: Site, send: Any = _send, view: Any = _view) -> Send:
            site.instrument()
            return send([url(PATH[1:], view(site))])

        def _marked(site: Site, send: Any = _send, view: Any = _view) -> Send:
            site.instrument({})
            return send([url(PATH[1:], site.marked(view(site)))])

        def _by_hand(site: Site, send: Any = _send, view: Any = _view) -> Send:
            settings = {"MIDDLEWARE": [DJANGO_BY_HAND], "OUTWORX_ROUTES": ONE} if site.guarded else {}
            return send([url(PATH[1:], view(site))], **settings)

        ROWS.add(f"django {_colour} view under {_name}, instrumented")(_instrumented)
        ROWS.add(f"django {_colour} view under {_name}, marked")(_marked)
        ROWS.add(f"django {_colour} view under {_name}, adapter by hand")(_by_hand)
