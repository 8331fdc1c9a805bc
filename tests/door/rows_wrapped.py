"""`instrument_app` is given what stands in front of the application: it finds that inside, or refuses to start."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route
from support.calls import PATH
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.integrations.flask import FlaskInstrumentor
from outworx_otel.integrations.starlette import StarletteInstrumentor

from .handlers import flask_view, starlette_handler
from .rows_plain import ONE
from .sending import over_asgi, over_wsgi
from .site import Rows, Send, Site

ROWS = Rows()


def opaque_asgi(app: Any) -> Any:
    """Nothing can be found in it but by its closure."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return front


def opaque_wsgi(app: Any) -> Any:
    return lambda environ, start_response: app(environ, start_response)


FRONTS_ASGI: dict[str, Any] = {
    "CORSMiddleware": lambda app: CORSMiddleware(app, allow_origins=["*"]),
    "ProxyHeadersMiddleware": ProxyHeadersMiddleware,
    "TrustedHostMiddleware": lambda app: TrustedHostMiddleware(app, ["*"]),
    "CORS in GZip": lambda app: GZipMiddleware(CORSMiddleware(app)),
    "a function": opaque_asgi,
}
FRONTS_WSGI: dict[str, Any] = {
    "ProxyFix": ProxyFix,
    "wsgi_app": lambda app: app.wsgi_app,
    "ProxyFix of wsgi_app": lambda app: ProxyFix(app.wsgi_app),
    "DispatcherMiddleware": lambda app: DispatcherMiddleware(app, {}),
    "Lint in ProxyFix": lambda app: ProxyFix(LintMiddleware(app)),
    "a function": opaque_wsgi,
}


def _starlette(front: Any) -> Any:
    def build(site: Site) -> Send:
        app = Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])])
        return over_asgi(site.switched_on(StarletteInstrumentor.instrument_app, front(app), endpoints=ONE))

    return build


def _fastapi(front: Any) -> Any:
    def build(site: Site) -> Send:
        app = FastAPI()

        @app.post(PATH)
        async def hook(request: Request) -> str:
            return site.ran(await request.body())

        return over_asgi(site.switched_on(FastAPIInstrumentor.instrument_app, front(app), endpoints=ONE))

    return build


def _flask(front: Any) -> Any:
    def build(site: Site) -> Send:
        app = Flask("shop")
        app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
        return over_wsgi(site.switched_on(FlaskInstrumentor.instrument_app, front(app), endpoints=ONE))

    return build


def _flask_replaced(site: Site) -> Send:
    """As Flask's documentation does it: `app.wsgi_app = ProxyFix(app.wsgi_app)`."""
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    return over_wsgi(site.switched_on(FlaskInstrumentor.instrument_app, app, endpoints=ONE))


for _name, _front in FRONTS_ASGI.items():
    ROWS.add(f"starlette, instrument_app({_name})", may_refuse_to_start=True)(_starlette(_front))
    ROWS.add(f"fastapi, instrument_app({_name})", may_refuse_to_start=True)(_fastapi(_front))
for _name, _front in FRONTS_WSGI.items():
    ROWS.add(f"flask, instrument_app({_name})", may_refuse_to_start=True)(_flask(_front))
ROWS.add("flask, instrument_app(app), whose wsgi_app was replaced")(_flask_replaced)
