"""Path or method are changed further in: what stands outside must not go by what it sees there."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from django.urls import path as url
from fastapi import FastAPI, Request
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Match, Mount, Route
from support.calls import PATH
from support.deliveries import SECRET

from outworx_otel import TrackOptions
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware as FastAPIMiddleware
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import asgi_handler, django_view, flask_view, starlette_handler
from .rows_plain import DJANGO_BY_HAND, ONE
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import AS_IF_NOT_THERE, SIGNED, Rows, Send, Site

ROWS = Rows()
Change = Callable[[MutableMapping[str, Any]], None]


class Rewriting:
    """An ASGI middleware that changes the scope of every request."""

    def __init__(self, app: Any, change: Change) -> None:
        self._app, self._change = app, change

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = dict(scope)
            self._change(scope)
        await self._app(scope, receive, send)


def strips_slashes(scope: MutableMapping[str, Any]) -> None:
    scope["path"] = scope["path"].rstrip("/")


def merges_slashes(scope: MutableMapping[str, Any]) -> None:
    scope["path"] = scope["path"].replace("//", "/")


def lowers_the_path(scope: MutableMapping[str, Any]) -> None:
    scope["path"] = scope["path"].lower()


def drops_a_version(scope: MutableMapping[str, Any]) -> None:
    scope["path"] = scope["path"].removeprefix("/v1")


def overrides_the_method(scope: MutableMapping[str, Any]) -> None:
    scope["method"] = "POST"


# How a request is spelt, and what makes a delivery to PATH of it.
TRICKS: dict[str, tuple[str, str, Change]] = {
    "strips a slash": ("POST", PATH + "/", strips_slashes),
    "merges slashes": ("POST", PATH.replace("/", "//"), merges_slashes),
    "lower-cases the path": ("POST", PATH.upper(), lowers_the_path),
    "drops a version": ("POST", "/v1" + PATH, drops_a_version),
    "overrides GET": ("GET", PATH, overrides_the_method),
    "overrides DELETE": ("DELETE", PATH, overrides_the_method),
}


def _starlette(site: Site, outside: list[Middleware], change: Change) -> Starlette:
    return Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["POST"])],
        middleware=[*outside, Middleware(Rewriting, change=change)],
    )


def _by_hand(adapter: Any, trick: str, options: TrackOptions = SIGNED) -> Any:
    method, path, change = TRICKS[trick]

    def build(site: Site) -> Send:
        outside = [Middleware(adapter, options=options)] if site.guarded else []
        return over_asgi(_starlette(site, outside, change), method, path)

    return build


def _instrumented(trick: str) -> Any:
    method, path, change = TRICKS[trick]

    def build(site: Site) -> Send:
        site.instrument()
        return over_asgi(_starlette(site, [], change), method, path)

    return build


def _fastapi_by_hand(trick: str) -> Any:
    method, path, change = TRICKS[trick]

    def build(site: Site) -> Send:
        app = FastAPI()
        app.add_middleware(Rewriting, change=change)
        if site.guarded:
            app.add_middleware(FastAPIMiddleware, options=SIGNED)

        @app.post(PATH)
        async def hook(request: Request) -> str:
            return site.ran(await request.body())

        return over_asgi(app, method, path)

    return build


def _mounted(trick: str) -> Any:
    """The rewriting middleware stands in an application that is mounted."""
    method, path, change = TRICKS[trick]

    def build(site: Site) -> Send:
        outside = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
        inner = _starlette(site, [], change)
        return over_asgi(Starlette(routes=[Mount("", app=inner)], middleware=outside), method, path)

    return build


def _flask(trick: str, endpoints: dict[str, TrackOptions] | None = None) -> Any:
    method, path, change = TRICKS[trick]

    def build(site: Site) -> Send:
        site.instrument(endpoints)
        app = Flask("shop")
        app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
        inside = app.wsgi_app

        def rewriting(environ: Any, start_response: Any) -> Any:
            scope = {"path": environ["PATH_INFO"], "method": environ["REQUEST_METHOD"]}
            change(scope)
            changed = {**environ, "PATH_INFO": scope["path"], "REQUEST_METHOD": scope["method"]}
            return inside(changed, start_response)

        app.wsgi_app = rewriting  # type: ignore[method-assign]
        return over_wsgi(app, method, path)

    return build


def _django_changing(change: Change) -> Any:
    def middleware(get_response: Any) -> Any:
        def rewriting(request: Any) -> Any:
            scope = {"path": request.path_info, "method": request.method}
            change(scope)
            request.path_info, request.method = scope["path"], scope["method"]
            return get_response(request)

        return rewriting

    return middleware


def _dotted(trick: str) -> str:
    return "django_" + trick.replace(" ", "_").replace("-", "_")


# Django imports a middleware by its dotted name.
globals().update({_dotted(trick): _django_changing(change) for trick, (_, _, change) in TRICKS.items()})


def _django(trick: str, send: Any, by_hand: bool) -> Any:
    method, path, _ = TRICKS[trick]
    inside = f"{__name__}.{_dotted(trick)}"

    def build(site: Site) -> Send:
        adapter = []
        if by_hand:
            adapter = [DJANGO_BY_HAND] if site.guarded else []
        else:
            site.instrument()
        return send(
            [url(PATH[1:], django_view(site))],
            method,
            path,
            MIDDLEWARE=[*adapter, inside],
            OUTWORX_ROUTES=ONE,
        )

    return build


for _trick in TRICKS:
    ROWS.add(f"starlette, adapter by hand, inside it a middleware {_trick}", refusals=AS_IF_NOT_THERE)(
        _by_hand(OutworxHooksMiddleware, _trick)
    )
    ROWS.add(f"starlette, instrumented, a middleware {_trick}")(_instrumented(_trick))
    ROWS.add(f"fastapi, adapter by hand, inside it a middleware {_trick}", refusals=AS_IF_NOT_THERE)(
        _fastapi_by_hand(_trick)
    )
    ROWS.add(f"starlette, plain ASGI adapter by hand, inside it a middleware {_trick}")(
        _by_hand(AnyASGIMiddleware, _trick)
    )
    ROWS.add(f"flask, instrumented, a middleware {_trick}")(_flask(_trick))
    ROWS.add(f"django WSGI, instrumented, a middleware {_trick}")(_django(_trick, django_wsgi, False))
    ROWS.add(f"django ASGI, adapter by hand, inside it a middleware {_trick}")(
        _django(_trick, django_asgi, True)
    )
for _trick in ("strips a slash", "lower-cases the path", "overrides GET"):
    ROWS.add(
        f"starlette, adapter by hand, in a mounted application a middleware {_trick}",
        refusals=AS_IF_NOT_THERE,
    )(_mounted(_trick))


class TenantRoute(Route):
    """Matches by what an inner middleware finds out."""

    def matches(self, scope: Any) -> Any:
        match, child = super().matches(scope)
        # KeyError where that middleware has not run.
        return (match, child) if scope["tenant"] == "shop" else (Match.NONE, {})


def names_the_tenant(scope: MutableMapping[str, Any]) -> None:
    scope["tenant"] = "shop"


class LenientTenantRoute(Route):
    """The same, without an exception."""

    def matches(self, scope: Any) -> Any:
        return super().matches(scope) if scope.get("tenant") == "shop" else (Match.NONE, {})


def _tenant(route: type[Route], by_hand: bool) -> Any:
    def build(site: Site) -> Send:
        outside = []
        if not by_hand:
            site.instrument()
        elif site.guarded:
            outside = [Middleware(OutworxHooksMiddleware, options=SIGNED)]
        app = Starlette(
            routes=[route(PATH, starlette_handler(site), methods=["POST"])],
            middleware=[*outside, Middleware(Rewriting, change=names_the_tenant)],
        )
        return over_asgi(app)

    return build


ROWS.add("starlette, adapter by hand, a route's matches() raises without an inner middleware")(
    _tenant(TenantRoute, True)
)
ROWS.add(
    "starlette, adapter by hand, a route matches after an inner middleware only", refusals=AS_IF_NOT_THERE
)(_tenant(LenientTenantRoute, True))
ROWS.add("starlette, instrumented, a route's matches() raises without an inner middleware")(
    _tenant(TenantRoute, False)
)


ONLY_POST = TrackOptions("stripe", signature_secret=SECRET, methods=("POST",))


def _only_post_is_served_by(routes: Callable[[Site], list[Any]], **router: Callable[[Site], Any]) -> Any:
    """The door lets a GET by, for the options name POST; a middleware further in makes a POST of it."""

    def build(site: Site) -> Send:
        site.instrument({PATH: ONLY_POST})
        app = Starlette(routes=routes(site), middleware=[Middleware(Rewriting, change=overrides_the_method)])
        for name, make in router.items():
            setattr(app.router, name, make(site))
        return over_asgi(app, "GET", PATH)

    return build


ROWS.add("starlette, instrumented, POST alone is named, a middleware makes a POST of a GET, a route")(
    _only_post_is_served_by(lambda site: [Route(PATH, starlette_handler(site), methods=["POST"])])
)
ROWS.add("starlette, instrumented, POST alone is named, a middleware makes a POST of a GET, a Mount")(
    _only_post_is_served_by(lambda site: [Mount("", app=asgi_handler(site))])
)
ROWS.add(
    "starlette, instrumented, POST alone is named, a middleware makes a POST of a GET, the router's default"
)(_only_post_is_served_by(lambda site: [], default=asgi_handler))


ROWS.add("flask, instrumented, POST alone is named, a middleware makes a POST of a GET")(
    _flask("overrides GET", {PATH: ONLY_POST})
)
