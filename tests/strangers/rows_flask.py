"""Flask-RESTX, APIFlask and Connexion: what is built upon Flask, or like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import connexion
import flask
from apiflask import APIFlask
from door.handlers import flask_view
from door.rows_plain import ONE
from door.sending import over_asgi, over_wsgi
from door.site import SIGNED, Rows, Send, Site
from flask.views import MethodView
from flask_restx import Api, Resource
from support.calls import PATH

from outworx_otel.integrations.asgi import OutworxHooksMiddleware
from outworx_otel.integrations.flask import FlaskInstrumentor, with_webhook_monitoring

from .rows_django import UNSEEN

ROWS = Rows()
Build = Callable[[Site, Any], Send]
"""Builds the application with what is done to its handler."""


def restx(site: Site, decorate: Any) -> Send:
    app = flask.Flask("shop")

    def post(self: Any) -> Any:
        return flask.Response(flask_view(site)())

    hook = type("Hook", (Resource,), {"post": decorate(post)})
    Api(app).add_resource(hook, PATH)
    return over_wsgi(app)


def apiflask_view(site: Site, decorate: Any) -> Send:
    app = APIFlask("shop")
    app.post(PATH)(decorate(flask_view(site)))
    return over_wsgi(app)


def apiflask_class(site: Site, decorate: Any) -> Send:
    app = APIFlask("shop")

    def post(self: Any) -> str:
        return flask_view(site)()

    hook = type("Hook", (MethodView,), {"post": decorate(post)})
    app.add_url_rule(PATH, view_func=hook.as_view("hook"))
    return over_wsgi(app)


SPECIFICATION = {
    "openapi": "3.0.0",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        PATH: {
            "post": {
                "operationId": "hook",
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {"200": {"description": "served"}},
            }
        }
    },
}


def _resolving(handler: Any) -> Any:
    return connexion.Resolver(lambda name: handler)


def connexion_flask(site: Site, decorate: Any) -> Send:
    def hook() -> str:
        return site.ran(flask.request.get_data())

    app = connexion.FlaskApp("shop")
    app.add_api(SPECIFICATION, resolver=_resolving(decorate(hook)))
    return over_asgi(app)


def connexion_async(site: Site, decorate: Any) -> Send:
    async def hook() -> str:
        return site.ran(await connexion.request.body())

    app = connexion.AsyncApp("shop")
    app.add_api(SPECIFICATION, resolver=_resolving(decorate(hook)))
    return over_asgi(app)


def connexion_async_of_sync(site: Site, decorate: Any) -> Send:
    """A sync handler, which Connexion runs in a thread; the body is what it parsed."""

    def hook(body: Any) -> str:
        return site.ran(site.expected)

    app = connexion.AsyncApp("shop")
    app.add_api(SPECIFICATION, resolver=_resolving(decorate(hook)))
    send = over_asgi(app)

    def sent(body: bytes, headers: Any) -> Any:
        site.expected = body
        return send(body, headers)

    return sent


def _plain(handler: Any) -> Any:
    return handler


def _configured(build: Build) -> Callable[[Site], Send]:
    def built(site: Site) -> Send:
        site.instrument()
        return build(site, _plain)

    return built


def _marked(build: Build, instrumented: bool) -> Callable[[Site], Send]:
    def built(site: Site) -> Send:
        if instrumented:
            site.instrument({})
        return build(site, site.marked)

    return built


for _name, _build in {
    "flask-restx resource": restx,
    "apiflask view": apiflask_view,
    "apiflask class": apiflask_class,
    "connexion FlaskApp": connexion_flask,
}.items():
    ROWS.add(f"{_name}, its path configured")(_configured(_build))
    ROWS.add(f"{_name}, marked, instrumented", genuine_runs=None)(_marked(_build, True))
    ROWS.add(f"{_name}, marked, nothing instrumented", **UNSEEN)(_marked(_build, False))

for _name, _build in {
    "connexion AsyncApp": connexion_async,
    "connexion AsyncApp with a sync handler": connexion_async_of_sync,
}.items():
    ROWS.add(f"{_name}, marked, instrumented", genuine_runs=None, refusals=frozenset({401, 500}))(
        _marked(_build, True)
    )
    ROWS.add(f"{_name}, marked, nothing instrumented", **UNSEEN)(_marked(_build, False))


def _connexion_by_hand(build: Any, instrumented: bool) -> Callable[[Site], Send]:
    """The adapter as Connexion's outermost middleware."""

    def built(site: Site) -> Send:
        if instrumented:
            site.instrument()
        return build(site)

    return built


def _connexion_flask_by_hand(site: Site) -> Send:
    app = connexion.FlaskApp("shop")
    if site.guarded:
        from connexion.middleware import MiddlewarePosition

        app.add_middleware(
            OutworxHooksMiddleware, position=MiddlewarePosition.BEFORE_EXCEPTION, options=SIGNED
        )
    app.add_api(SPECIFICATION, resolver=_resolving(lambda: site.ran(flask.request.get_data())))
    return over_asgi(app)


def _connexion_async_by_hand(site: Site) -> Send:
    async def hook() -> str:
        return site.ran(await connexion.request.body())

    app = connexion.AsyncApp("shop")
    app.add_api(SPECIFICATION, resolver=_resolving(hook))
    return over_asgi(site.switched_on(OutworxHooksMiddleware, app, options=SIGNED))


for _name, _by_hand in {
    "connexion FlaskApp": _connexion_flask_by_hand,
    "connexion AsyncApp": _connexion_async_by_hand,
}.items():
    ROWS.add(f"{_name}, adapter by hand")(_connexion_by_hand(_by_hand, False))
    ROWS.add(f"{_name}, adapter by hand and instrumented")(_connexion_by_hand(_by_hand, True))


@ROWS.add("connexion FlaskApp, instrument_app of the Flask application in it")
def connexion_instrument_app(site: Site) -> Send:
    app = connexion.FlaskApp("shop")
    app.add_api(SPECIFICATION, resolver=_resolving(lambda: site.ran(flask.request.get_data())))
    site.switched_on(FlaskInstrumentor.instrument_app, app.app, endpoints=ONE)
    return over_asgi(app)


@ROWS.add("apiflask, monitored by hand and instrumented")
def apiflask_by_hand(site: Site) -> Send:
    site.instrument()
    return apiflask_view(site, with_webhook_monitoring(SIGNED) if site.guarded else _plain)
