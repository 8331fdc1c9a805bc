"""One framework below another: still one delivery for one request, which never waits for itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import a2wsgi
from asgiref.wsgi import WsgiToAsgi
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.urls import path as url
from door.handlers import django_view, flask_view, starlette_handler
from door.rows_plain import DJANGO_BY_HAND
from door.sending import DjangoUnder, over_asgi, over_wsgi
from door.site import SIGNED, Rows, Send, Site
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from support.calls import PATH
from support.deliveries import SECRET
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from outworx_otel import TrackOptions
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware
from outworx_otel.integrations.flask import with_webhook_monitoring

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # Deprecated, and still there and used.
    from starlette.middleware.wsgi import WSGIMiddleware as StarlettesBridge

ROWS = Rows()
KEYED = TrackOptions("stripe", signature_secret=SECRET, idempotency_key="body.id")
BRIDGES: dict[str, Any] = {
    "a2wsgi": a2wsgi.WSGIMiddleware,
    "Starlette's bridge": StarlettesBridge,
    "asgiref": WsgiToAsgi,
}
Inner = Callable[[Site, TrackOptions, bool], Any]


def flask_inside(site: Site, options: TrackOptions, by_hand: bool) -> Any:
    app = Flask("shop")
    view = flask_view(site)
    if by_hand:
        view = site.switched_on(with_webhook_monitoring(options), view)
    app.add_url_rule(PATH, "hook", view, methods=["POST"])
    return app


def django_inside(site: Site, options: TrackOptions, by_hand: bool) -> Any:
    adapter = [DJANGO_BY_HAND] if by_hand and site.guarded else []
    return DjangoUnder(
        WSGIHandler,
        [url(PATH[1:], django_view(site))],
        MIDDLEWARE=adapter,
        OUTWORX_ROUTES={PATH: options},
    )


INSIDE: dict[str, Inner] = {"flask": flask_inside, "django": django_inside}
# What is switched on: the instrumentors, FastAPI's adapter outside, the inner framework's own.
SWITCHES: dict[str, tuple[bool, bool, bool]] = {
    "instrumented": (True, False, False),
    "adapter outside": (False, True, False),
    "adapter inside": (False, False, True),
    "adapter outside and instrumented": (True, True, False),
    "adapters outside and inside": (False, True, True),
    "adapters outside and inside and instrumented": (True, True, True),
}


def _bridged(bridge: Any, inside: Inner, switches: tuple[bool, bool, bool], options: TrackOptions) -> Any:
    instrumented, outside, within = switches

    def build(site: Site) -> Send:
        if instrumented:
            site.instrument({PATH: options})
        app = FastAPI()
        app.mount("/", bridge(inside(site, options, within)))
        if outside and site.guarded:
            app.add_middleware(OutworxHooksMiddleware, options=options)
        return over_asgi(app)

    return build


for _bridge_name, _bridge in BRIDGES.items():
    for _inside_name, _inside in INSIDE.items():
        for _switches_name, _switches in SWITCHES.items():
            for _key, _options in (("", SIGNED), (", with an idempotency key", KEYED)):
                ROWS.add(f"{_inside_name} in FastAPI by {_bridge_name}, {_switches_name}{_key}")(
                    _bridged(_bridge, _inside, _switches, _options)
                )


@ROWS.add("flask under ASGI by a2wsgi alone, instrumented, with an idempotency key")
def flask_by_a2wsgi(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    return over_asgi(a2wsgi.WSGIMiddleware(flask_inside(site, KEYED, False)))


@ROWS.add("flask under ASGI by asgiref, the plain adapter outside and instrumented, with an idempotency key")
def flask_by_asgiref_in_the_adapter(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    bridged = WsgiToAsgi(flask_inside(site, KEYED, False))
    return over_asgi(site.switched_on(AnyASGIMiddleware, bridged, options=KEYED))


@ROWS.add(
    "starlette under WSGI by a2wsgi, instrumented, with an idempotency key",
    handler_in_context=False,
    in_context=False,
)
def starlette_by_a2wsgi(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    app = Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])])
    return over_wsgi(a2wsgi.ASGIMiddleware(app))


@ROWS.add("starlette below Flask by a2wsgi, instrumented, with an idempotency key", handler_in_context=False)
def starlette_below_flask(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    inner = Starlette(routes=[Route("/stripe", starlette_handler(site), methods=["POST"])])
    app = Flask("shop")
    mounted = {"/webhooks": a2wsgi.ASGIMiddleware(inner)}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounted)  # type: ignore[method-assign]
    return over_wsgi(app)


@ROWS.add("django under ASGI in Starlette, adapter outside and instrumented, with an idempotency key")
def django_in_starlette(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    adapter = [Middleware(OutworxHooksMiddleware, options=KEYED)] if site.guarded else []
    inner = DjangoUnder(ASGIHandler, [url(PATH[1:], django_view(site))], MIDDLEWARE=[])
    return over_asgi(Starlette(routes=[Mount("", app=inner)], middleware=adapter))


@ROWS.add("fastapi in FastAPI in Starlette, adapters on each, instrumented, with an idempotency key")
def three_deep(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    app: Any = Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])])
    for _ in range(2):
        outer = FastAPI()
        outer.mount("/", app)
        if site.guarded:
            outer.add_middleware(OutworxHooksMiddleware, options=KEYED)
        app = outer
    return over_asgi(app)


class Copying:
    """Hands on a copy of the scope without what it does not know."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        known = ("type", "asgi", "method", "scheme", "path", "raw_path", "query_string", "headers")
        await self._app({name: scope[name] for name in known if name in scope}, receive, send)


@ROWS.add(
    "starlette in Starlette by a scope that is copied, adapter and instrumented, with an idempotency key"
)
def copied_scope(site: Site) -> Send:
    site.instrument({PATH: KEYED})
    adapter = [Middleware(OutworxHooksMiddleware, options=KEYED)] if site.guarded else []
    inner = Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])])
    return over_asgi(Starlette(routes=[Mount("", app=Copying(inner))], middleware=adapter))
