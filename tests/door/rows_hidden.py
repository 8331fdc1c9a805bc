"""A marked handler behind something that hides it: it refuses by itself, where nobody verified for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import path as url
from django.views.decorators.csrf import csrf_exempt
from fastapi import Depends, FastAPI
from fastapi import Request as FastAPIRequest
from flask import Flask
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from support.calls import PATH

from .handlers import async_django_view, django_view, exempt, flask_view, starlette_handler
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import Rows, Send, Site

ROWS = Rows()


def async_unwrapped(handler: Any) -> Any:
    """A decorator without `functools.wraps`."""

    async def inner(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    return inner


def unwrapped(handler: Any) -> Any:
    def inner(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return inner


class Registry:
    """A dispatcher that knows its handlers by name."""

    def __init__(self, **handlers: Any) -> None:
        self._handlers = handlers

    async def __call__(self, request: Any) -> Any:
        return await self._handlers["hook"](request)


def _route(handler: Any, **settings: Any) -> Starlette:
    return Starlette(routes=[Route(PATH, handler, methods=["POST"])], **settings)


def behind_a_decorator(site: Site) -> Send:
    return over_asgi(_route(async_unwrapped(site.marked(starlette_handler(site)))))


def behind_a_partial(site: Site) -> Send:
    hidden = functools.partial(async_unwrapped(site.marked(starlette_handler(site))))
    return over_asgi(_route(hidden))


def behind_a_registry(site: Site) -> Send:
    registry = Registry(hook=site.marked(starlette_handler(site)))

    async def dispatch(request: Request) -> Response:
        return await registry(request)

    return over_asgi(_route(dispatch))


def behind_a_class(site: Site) -> Send:
    handle = site.marked(starlette_handler(site))

    class Hook(HTTPEndpoint):
        async def post(self, request: Request) -> Response:
            return await handle(request)

    return over_asgi(_route(Hook))


def behind_a_sync_handler(site: Site) -> Send:
    """A sync handler in a thread, which hands on to a marked sync function."""

    def handle(body: bytes) -> str:
        return site.ran(body)

    handle = site.marked(handle)

    async def hook(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        return PlainTextResponse(await run_in_threadpool(handle, await request.body()))

    return over_asgi(_route(hook))


def called_by_a_middleware(site: Site) -> Send:
    handle = site.marked(starlette_handler(site))

    async def dispatch(request: Request, call_next: Any) -> Response:
        return await handle(request) if request.url.path == PATH else await call_next(request)

    return over_asgi(Starlette(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]))


def behind_fastapis_dependency(site: Site) -> Send:
    app = FastAPI()

    async def handle(request: FastAPIRequest) -> str:
        return site.ran(await request.body())

    # Annotations as objects: FastAPI cannot look up names of this function.
    handle.__annotations__ = {"request": FastAPIRequest, "return": str}
    ran = Depends(site.marked(handle))

    def hook(done: str = ran) -> str:
        return done

    hook.__annotations__ = {"done": str, "return": str}
    app.post(PATH)(hook)
    return over_asgi(app)


def behind_a_flask_decorator(site: Site) -> Send:
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", unwrapped(site.marked(flask_view(site))), methods=["POST"])
    return over_wsgi(app)


def called_by_flasks_before_request(site: Site) -> Send:
    app = Flask("shop")
    app.before_request(unwrapped(site.marked(flask_view(site))))
    return over_wsgi(app)


def called_by_flasks_error_handler(site: Site) -> Send:
    app = Flask("shop")
    handle = site.marked(flask_view(site))
    app.register_error_handler(404, lambda error: handle())
    return over_wsgi(app)


def behind_a_django_decorator(site: Site) -> Send:
    return django_wsgi([url(PATH[1:], csrf_exempt(unwrapped(site.marked(django_view(site)))))])


def behind_an_async_django_decorator(site: Site) -> Send:
    return django_asgi([url(PATH[1:], exempt(async_unwrapped(site.marked(async_django_view(site)))))])


def behind_a_django_registry(site: Site) -> Send:
    handlers = {"stripe": site.marked(django_view(site))}

    def dispatch(request: Any, name: str) -> HttpResponse:
        return handlers[name](request)

    return django_wsgi([url("webhooks/<name>", csrf_exempt(dispatch))])


WAYS: dict[str, Callable[[Site], Send]] = {
    "starlette, behind a decorator that hides it": behind_a_decorator,
    "starlette, behind a partial": behind_a_partial,
    "starlette, behind a registry": behind_a_registry,
    "starlette, behind a view class": behind_a_class,
    "starlette, called in a thread": behind_a_sync_handler,
    "starlette, called by a middleware": called_by_a_middleware,
    "fastapi, as a dependency": behind_fastapis_dependency,
    "flask, behind a decorator that hides it": behind_a_flask_decorator,
    "flask, called by before_request": called_by_flasks_before_request,
    "flask, called by the handler of 404": called_by_flasks_error_handler,
    "django WSGI, behind a decorator that hides it": behind_a_django_decorator,
    "django ASGI, behind a decorator that hides it": behind_an_async_django_decorator,
    "django WSGI, behind a registry": behind_a_django_registry,
}


def instrumented(way: Callable[[Site], Send], **how: Any) -> Callable[[Site], Send]:
    """The same, with `instrument()`."""

    def build(site: Site) -> Send:
        site.instrument(**how)
        return way(site)

    return build


def plainly_marked_starlette(site: Site) -> Send:
    return over_asgi(_route(site.marked(starlette_handler(site))))


def plainly_marked_flask(site: Site) -> Send:
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", site.marked(flask_view(site)), methods=["POST"])
    return over_wsgi(app)


def plainly_marked_django(site: Site) -> Send:
    return django_wsgi([url(PATH[1:], site.marked(django_view(site)))])


def plainly_marked_async_django(site: Site) -> Send:
    return django_asgi([url(PATH[1:], site.marked(async_django_view(site)))])


PLAINLY: dict[str, Callable[[Site], Send]] = {
    "starlette": plainly_marked_starlette,
    "flask": plainly_marked_flask,
    "django WSGI": plainly_marked_django,
    "django ASGI": plainly_marked_async_django,
}

for _name, _way in WAYS.items():
    # Nobody can know the decorator's secret: what cannot be verified is refused.
    # Where a middleware calls it, the framework makes a 500 of that before we can make a 401 of it.
    ROWS.add(
        f"{_name}, instrumented",
        genuine_runs=None,
        refusals=frozenset({401, 500} if "called by" in _name else {401}),
    )(instrumented(_way, endpoints={}))
    # The path is configured with the same secret: verified at the door, it covers the handler.
    # What calls it from in front of the routes is in front of every seam of ours.
    ROWS.add(f"{_name}, its path configured", handler_in_context="called by" not in _name)(instrumented(_way))
for _name, _way in (WAYS | {f"{name}, marked": way for name, way in PLAINLY.items()}).items():
    ROWS.add(
        f"{_name}, nothing instrumented", genuine_runs=False, refusals=frozenset({401, 500}), reported=False
    )(_way)
