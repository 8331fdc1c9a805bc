"""What is genuine and must not be shut out: it is only known further in that it is."""

from __future__ import annotations

import functools
import gzip
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from django.urls import path as url
from fastapi import FastAPI, Request
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from support import deliveries
from support.calls import PATH, Answer
from support.deliveries import SECRET, WRONG
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from outworx_otel import TrackOptions, sign
from outworx_otel.integrations.flask import FlaskInstrumentor
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import django_view, flask_view, starlette_handler
from .rows_plain import ONE
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import SIGNED, Rows, Send, Site

ROWS = Rows()
TWILIO = TrackOptions("twilio", signature_secret=SECRET)
PUBLIC = f"https://shop.example{PATH}"
FORWARDED = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
    "x-forwarded-for": "203.0.113.9",
}


def twilio(body: bytes = b"", secret: str = SECRET) -> Mapping[str, str]:
    """Signed for the URL that the sender called, which only a proxy's headers tell."""
    signed = sign("twilio", body, secret, url=PUBLIC, headers=deliveries.FORM)
    return {**deliveries.FORM, **signed, **FORWARDED, "host": "shop.example"}


def form() -> bytes:
    return f"MessageSid={uuid4().hex}&Body={quote('the text')}".encode()


def _trusting(app: Any) -> Any:
    return ProxyHeadersMiddleware(app, trusted_hosts="*")


SIGNED_URL: dict[str, Any] = {"sign": twilio, "body": form}
CONFIGURED = {PATH: TWILIO}


@ROWS.add("flask, a signed URL behind ProxyFix round wsgi_app", **SIGNED_URL)
def flask_proxy_fix(site: Site) -> Send:
    site.instrument(CONFIGURED)
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    return over_wsgi(app)


@ROWS.add("flask, a signed URL behind ProxyFix round the application", **SIGNED_URL)
def flask_in_proxy_fix(site: Site) -> Send:
    site.instrument(CONFIGURED)
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    return over_wsgi(ProxyFix(app, x_host=1))


@ROWS.add("flask, marked, a signed URL behind ProxyFix", **SIGNED_URL)
def flask_marked_proxy_fix(site: Site) -> Send:
    site.instrument({})
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", site.marked(flask_view(site), TWILIO), methods=["POST"])
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    return over_wsgi(app)


@ROWS.add("starlette, a signed URL behind ProxyHeadersMiddleware inside the application", **SIGNED_URL)
def starlette_proxy_headers(site: Site) -> Send:
    site.instrument(CONFIGURED)
    app = Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["POST"])], middleware=[Middleware(_trusting)]
    )
    return over_asgi(app)


@ROWS.add("fastapi, a signed URL behind ProxyHeadersMiddleware round the application", **SIGNED_URL)
def fastapi_proxy_headers(site: Site) -> Send:
    site.instrument(CONFIGURED)
    app = FastAPI()

    @app.post(PATH)
    async def hook(request: Request) -> str:
        return site.ran(await request.body())

    return over_asgi(_trusting(app))


@ROWS.add("starlette, adapter by hand inside ProxyHeadersMiddleware, a signed URL", **SIGNED_URL)
def starlette_by_hand_proxy_headers(site: Site) -> Send:
    adapter = [Middleware(OutworxHooksMiddleware, options=TWILIO)] if site.guarded else []
    app = Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["POST"])],
        middleware=[Middleware(_trusting), *adapter],
    )
    return over_asgi(app)


# Middleware and settings that Django projects behind proxies have.
def django_proxy(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        forwarded = request.META.get("HTTP_X_FORWARDED_HOST")
        if forwarded is None:
            return get_response(request)
        request.META["HTTP_HOST"] = forwarded
        request.META["wsgi.url_scheme"] = request.META["HTTP_X_FORWARDED_PROTO"]
        if hasattr(request, "environ"):
            request.environ["wsgi.url_scheme"] = request.META["HTTP_X_FORWARDED_PROTO"]
        return get_response(request)

    return middleware


@ROWS.add("django WSGI, a signed URL behind a middleware that knows the proxy", **SIGNED_URL)
def django_behind_a_proxy(site: Site) -> Send:
    site.instrument(CONFIGURED)
    return django_wsgi([url(PATH[1:], django_view(site))], MIDDLEWARE=[f"{__name__}.django_proxy"])


# A decorator's own secret, where the configuration has another for the path.

OTHERS = {PATH: TrackOptions("stripe", signature_secret=WRONG + "_of_the_file")}


@ROWS.add("starlette, a decorator's secret over the configured one")
def starlette_decorators_secret(site: Site) -> Send:
    site.instrument(OTHERS)
    handler = site.marked(starlette_handler(site))
    return over_asgi(Starlette(routes=[Route(PATH, handler, methods=["POST"])]))


@ROWS.add("fastapi, a decorator's secret over the configured one")
def fastapi_decorators_secret(site: Site) -> Send:
    site.instrument(OTHERS)
    app = FastAPI()

    async def hook(request: Any) -> str:
        return site.ran(await request.body())

    hook.__annotations__ = {"request": Request, "return": str}
    app.post(PATH)(site.marked(hook))
    return over_asgi(app)


@ROWS.add("flask, a decorator's secret over the configured one")
def flask_decorators_secret(site: Site) -> Send:
    site.instrument(OTHERS)
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", site.marked(flask_view(site)), methods=["POST"])
    return over_wsgi(app)


@ROWS.add("django WSGI, a decorator's secret over the configured one")
def django_decorators_secret(site: Site) -> Send:
    site.instrument(OTHERS)
    return django_wsgi([url(PATH[1:], site.marked(django_view(site)))])


@ROWS.add("django ASGI, a decorator's secret over the configured one")
def django_asgi_decorators_secret(site: Site) -> Send:
    site.instrument(OTHERS)
    return django_asgi([url(PATH[1:], site.marked(django_view(site)))])


@ROWS.add("starlette, a decorator's secret over the adapter's")
def starlette_decorators_secret_over_the_adapters(site: Site) -> Send:
    adapter = [Middleware(OutworxHooksMiddleware, options=OTHERS[PATH])] if site.guarded else []
    handler = site.marked(starlette_handler(site))
    return over_asgi(Starlette(routes=[Route(PATH, handler, methods=["POST"])], middleware=adapter))


# A body that arrives compressed, and is signed as it was before.


def compressed(send: Send) -> Send:
    def sent(body: bytes, headers: Mapping[str, str]) -> Answer:
        return send(gzip.compress(body), {**headers, "content-encoding": "gzip"})

    return sent


class Inflating:
    """An ASGI middleware that decompresses requests."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if (b"content-encoding", b"gzip") not in scope.get("headers", ()):
            return await self._app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        plain = gzip.decompress(body)
        headers = [
            pair for pair in scope["headers"] if pair[0] not in (b"content-encoding", b"content-length")
        ]
        headers.append((b"content-length", str(len(plain)).encode()))
        given = [{"type": "http.request", "body": plain, "more_body": False}]

        async def inflated() -> Any:
            return given.pop() if given else await receive()

        return await self._app({**scope, "headers": headers}, inflated, send)


def inflating_wsgi(app: Any) -> Any:
    def middleware(environ: Any, start_response: Any) -> Any:
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            plain = gzip.decompress(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            environ = {**environ, "wsgi.input": io.BytesIO(plain), "CONTENT_LENGTH": str(len(plain))}
            del environ["HTTP_CONTENT_ENCODING"]
        return app(environ, start_response)

    return middleware


def inflating_django(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        if request.headers.get("content-encoding") == "gzip":
            plain = gzip.decompress(request.body)
            request._body = plain
            request._stream = io.BytesIO(plain)
            request.META["CONTENT_LENGTH"] = str(len(plain))
            del request.META["HTTP_CONTENT_ENCODING"]
        return get_response(request)

    return middleware


@ROWS.add("starlette, compressed, decompressed by a middleware")
def starlette_inflated(site: Site) -> Send:
    site.instrument()
    app = Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["POST"])], middleware=[Middleware(Inflating)]
    )
    return compressed(over_asgi(app))


@ROWS.add("starlette, compressed, decompressed in front of an adapter by hand")
def starlette_by_hand_inflated(site: Site) -> Send:
    adapter = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
    app = Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["POST"])],
        middleware=[Middleware(Inflating), *adapter],
    )
    return compressed(over_asgi(app))


@ROWS.add("flask, compressed, decompressed by what replaced wsgi_app")
def flask_inflated(site: Site) -> Send:
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    app.wsgi_app = inflating_wsgi(app.wsgi_app)  # type: ignore[method-assign]
    return compressed(over_wsgi(site.switched_on(FlaskInstrumentor.instrument_app, app, endpoints=ONE)))


@ROWS.add("django WSGI, compressed, decompressed by a middleware")
def django_inflated(site: Site) -> Send:
    site.instrument()
    return compressed(
        django_wsgi([url(PATH[1:], django_view(site))], MIDDLEWARE=[f"{__name__}.inflating_django"])
    )


# A decorator that keeps what `functools.wraps` keeps hides nothing.


def wrapped(handler: Any) -> Any:
    @functools.wraps(handler)
    async def inner(request: Any) -> Any:
        return await handler(request)

    return inner


@ROWS.add("starlette, marked below a decorator with functools.wraps")
def marked_below_a_wrapper(site: Site) -> Send:
    site.instrument({})
    handler = wrapped(site.marked(starlette_handler(site)))
    return over_asgi(Starlette(routes=[Route(PATH, handler, methods=["POST"])]))
