"""The same view by another URL than the one that is configured."""

from __future__ import annotations

from typing import Any

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, re_path
from django.urls import path as url
from fastapi import APIRouter, FastAPI, Request
from flask import Blueprint, Flask
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from support.calls import PATH

from .handlers import django_view, flask_view, starlette_handler
from .rows_plain import DJANGO_BY_HAND, ONE
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import Rows, Send, Site

ROWS = Rows()
ANOTHER = "/old/stripe"
LOCALES = {
    "MIDDLEWARE": ["django.middleware.locale.LocaleMiddleware"],
    "LANGUAGES": [("en", "E"), ("de", "D")],
}


@ROWS.add("starlette, a second route of the same handler")
def second_route(site: Site) -> Send:
    site.instrument()
    handler = starlette_handler(site)
    routes = [Route(PATH, handler, methods=["POST"]), Route(ANOTHER, handler, methods=["POST"])]
    return over_asgi(Starlette(routes=routes), path=ANOTHER)


@ROWS.add("starlette, a mounted route of the same handler")
def mounted_route(site: Site) -> Send:
    site.instrument()
    handler = starlette_handler(site)
    mounted = Mount("/old", routes=[Route("/stripe", handler, methods=["POST"])])
    return over_asgi(Starlette(routes=[Route(PATH, handler, methods=["POST"]), mounted]), path=ANOTHER)


@ROWS.add("starlette, a template that the path also fits")
def template(site: Site) -> Send:
    site.instrument()
    handler = starlette_handler(site)
    routes = [Route(PATH, handler, methods=["POST"]), Route("/{any:path}", handler, methods=["POST"])]
    return over_asgi(Starlette(routes=routes), path="/whatever")


@ROWS.add("fastapi, a second decorator on the same function")
def second_decorator(site: Site) -> Send:
    site.instrument()
    app = FastAPI()

    @app.post(PATH)
    @app.post(ANOTHER)
    async def hook(request: Request) -> str:
        return site.ran(await request.body())

    return over_asgi(app, path=ANOTHER)


@ROWS.add("fastapi, a router included twice")
def included_twice(site: Site) -> Send:
    site.instrument()
    app, router = FastAPI(), APIRouter()

    @router.post("/stripe")
    async def hook(request: Request) -> str:
        return site.ran(await request.body())

    app.include_router(router, prefix="/webhooks")
    app.include_router(router, prefix="/old")
    return over_asgi(app, path=ANOTHER)


@ROWS.add("flask, a second rule of the same view")
def second_rule(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    app.add_url_rule(ANOTHER, "hook", methods=["POST"])
    return over_wsgi(app, path=ANOTHER)


@ROWS.add("flask, a second endpoint of the same view")
def second_endpoint(site: Site) -> Send:
    site.instrument()
    app, view = Flask("shop"), flask_view(site)
    app.add_url_rule(PATH, "hook", view, methods=["POST"])
    app.add_url_rule(ANOTHER, "old", view, methods=["POST"])
    return over_wsgi(app, path=ANOTHER)


@ROWS.add("flask, a blueprint registered twice")
def blueprint_twice(site: Site) -> Send:
    site.instrument()
    app, hooks = Flask("shop"), Blueprint("hooks", "shop")
    hooks.add_url_rule("/stripe", "hook", flask_view(site), methods=["POST"])
    app.register_blueprint(hooks, url_prefix="/webhooks")
    app.register_blueprint(hooks, name="old", url_prefix="/old")
    return over_wsgi(app, path=ANOTHER)


def _urls(site: Site, kind: str) -> tuple[list[Any], str, dict[str, Any]]:
    view = django_view(site)
    plain = url(PATH[1:], view)
    if kind == "i18n_patterns, another language":
        return i18n_patterns(plain, prefix_default_language=False), f"/de{PATH}", LOCALES
    if kind == "i18n_patterns beside it":
        return [plain, *i18n_patterns(plain)], f"/en{PATH}", LOCALES
    if kind == "an optional suffix":
        return [plain, re_path(rf"^{PATH[1:]}\.(?P<format>json|api)$", view)], f"{PATH}.json", {}
    if kind == "an include":
        return [plain, url("old/", include([url("stripe", view)]))], ANOTHER, {}
    return [plain, url(ANOTHER[1:], view)], ANOTHER, {}


KINDS = (
    "i18n_patterns, another language",
    "i18n_patterns beside it",
    "an optional suffix",
    "an include",
    "a second pattern",
)


def _django(send: Any, kind: str, by_hand: bool) -> Any:
    def build(site: Site) -> Send:
        urls, path, settings = _urls(site, kind)
        adapter = [DJANGO_BY_HAND] if by_hand and site.guarded else []
        if not by_hand:
            site.instrument()
        middleware = [*adapter, *settings.get("MIDDLEWARE", ())]
        settings = {**settings, "MIDDLEWARE": middleware, "OUTWORX_ROUTES": ONE, "USE_I18N": True}
        return send(urls, path=path, **settings)

    return build


for _kind in KINDS:
    ROWS.add(f"django WSGI, instrumented, {_kind}")(_django(django_wsgi, _kind, False))
    ROWS.add(f"django ASGI, adapter by hand, {_kind}")(_django(django_asgi, _kind, True))
