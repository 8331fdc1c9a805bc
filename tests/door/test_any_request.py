"""Whatever is sent, to whatever shape of application: no unverified run, no second delivery, no failure of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.urls import re_path
from fastapi import FastAPI, Request
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from integrations import deliveries
from integrations.calls import PATH, Answer
from integrations.deliveries import SECRET, WRONG
from integrations.inputs import bodies, encodings, header_lists, lengths
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from outworx_otel import verify
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import asgi_handler, async_django_view, django_view, flask_view, starlette_handler
from .rows_hidden import async_unwrapped
from .rows_plain import DJANGO_BY_HAND, ONE
from .rows_rewriting import Rewriting
from .rows_served import Answering
from .sending import DjangoUnder, asgi_request, wsgi_request
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

# How a path may be spelt; servers decode what is escaped.
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda path: path + "/",
    lambda path: path + "\n",
    lambda path: path + "/x",
    lambda path: path.replace("/", "//"),
    lambda path: path + "/../stripe",
    lambda path: "/." + path,
    lambda path: path + ";a=b",
    lambda path: path + "\x00",
    lambda path: path.replace("s", "\u017f"),
    lambda path: path[1:],
    lambda path: "/v1" + path,
    lambda path: "*",
)
paths = st.sampled_from(SPELLINGS).map(lambda spell: spell(PATH)) | st.just(PATH)
methods = st.sampled_from(METHODS) | st.text("ABCXYZ-", min_size=1, max_size=8)
prefixes = st.sampled_from(["", "", "", "/api", "/webhooks", PATH])
extras = header_lists.map(
    lambda headers: [
        pair for pair in headers if pair[0] not in ("stripe-signature", "host", "transfer-encoding")
    ]
) | st.sampled_from(
    [
        [("x-http-method-override", "POST")],
        [("x-http-method-override", "GET")],
        [("x-forwarded-prefix", PATH)],
        [("x-original-url", "/open")],
        [("x-script-name", PATH), ("script-name", "/x")],
        [("content-encoding", "gzip")],
        [("expect", "100-continue")],
        [("upgrade", "websocket"), ("connection", "upgrade")],
    ]
)
# Which signatures a request carries: none, or several.
FORGED = ("another secret", "the empty body", "another body", "garbage")
signatures = st.lists(st.sampled_from(("genuine", *FORGED)), max_size=2)


def signed(which: list[str], body: bytes) -> list[tuple[str, str]]:
    made = {
        "genuine": lambda: deliveries.stripe(body)["stripe-signature"],
        "another secret": lambda: deliveries.stripe(body, WRONG)["stripe-signature"],
        "the empty body": lambda: deliveries.stripe(b"")["stripe-signature"],
        "another body": lambda: deliveries.stripe(body + b" ")["stripe-signature"],
        "garbage": lambda: "t=1,v1=00",
    }
    return [("stripe-signature", made[one]()) for one in which]


@pytest.fixture(params=SHAPES_ASGI, ids=lambda shape: shape.__name__)
def asgi(request: pytest.FixtureRequest, open_site: Callable[..., Site]) -> tuple[Site, Any]:
    site = open_site()
    return site, request.param(site)


@pytest.fixture(params=SHAPES_WSGI, ids=lambda shape: shape.__name__)
def wsgi(request: pytest.FixtureRequest, open_site: Callable[..., Site]) -> tuple[Site, Any]:
    site = open_site()
    return site, request.param(site)


@pytest.fixture(autouse=True)
def _nothing_of_ours_fails(failures: list[str]) -> Iterator[None]:
    yield
    assert failures == []


@given(
    method=methods,
    path=paths,
    prefix=prefixes,
    headers=extras,
    which=signatures,
    body=bodies,
    length=st.none() | st.just("right") | lengths,
    encoding=encodings,
    step=st.sampled_from([1, 7, 65_536]),
    version=st.sampled_from(["1.0", "1.1", "2"]),
)
@example("POST", PATH, "", [], ["genuine"], b"{}", "right", None, 65_536, "1.1")
@example("GET", PATH, "", [], ["the empty body"], b"{}", None, None, 65_536, "2")
@example("HEAD", PATH, "", [], [], b"{}", "0", None, 65_536, "1.1")
@example("GET", PATH, "", [("x-http-method-override", "POST")], [], b"", None, None, 1, "1.1")
def test_any_request_by_asgi(
    asgi: tuple[Site, Any],
    failures: list[str],
    method: str,
    path: str,
    prefix: str,
    headers: list[tuple[str, str]],
    which: list[str],
    body: bytes,
    length: str | None,
    encoding: str | None,
    step: int,
    version: str,
) -> None:
    site, app = asgi
    announced = (
        [] if length is None else [("content-length", str(len(body)) if length == "right" else length)]
    )
    announced += [] if encoding is None else [("transfer-encoding", encoding)]
    whole = [("host", "testserver"), *headers, *signed(which, body), *announced]
    settings = {"root_path": prefix, "http_version": version, "step": step}
    answer = asgi_request(app, method, prefix + path, whole, body, **settings)
    holds(site, method, answer, whole, failures)


@given(
    method=methods,
    path=paths,
    prefix=prefixes,
    headers=extras,
    which=signatures,
    body=bodies,
    length=st.none() | st.just("right") | lengths,
    chunked=st.booleans(),
)
@example("POST", PATH, "", [], ["genuine"], b"{}", "right", False)
@example("GET", PATH, "", [], ["the empty body"], b"{}", None, True)
@example("HEAD", PATH, "", [], [], b"{}", "right", False)
def test_any_request_by_wsgi(
    wsgi: tuple[Site, Any],
    failures: list[str],
    method: str,
    path: str,
    prefix: str,
    headers: list[tuple[str, str]],
    which: list[str],
    body: bytes,
    length: str | None,
    chunked: bool,
) -> None:
    site, app = wsgi
    whole = [*headers, *signed(which, body)]
    announced: dict[str, Any] = {"SCRIPT_NAME": prefix}
    if chunked:
        announced |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    elif length is not None:
        announced["CONTENT_LENGTH"] = str(len(body)) if length == "right" else length
    answer = wsgi_request(app, method, path, whole, body, **announced)
    holds(site, method, answer, whole, failures)


def holds(
    site: Site, method: str, answer: Answer, headers: list[tuple[str, str]], failures: list[str]
) -> None:
    """What ran was verified, and ran once; what was reported was one delivery; nothing of ours failed."""
    try:
        signature = ", ".join(value for name, value in headers if name == "stripe-signature")
        for body in site.bodies:
            # A GET without a body is nobody's delivery.
            if body or effective(site, method, headers) in DEFAULT_METHODS:
                assert verify("stripe", body, {"stripe-signature": signature}, SECRET), "it ran unverified"
        assert len(site.bodies) <= 1
        assert len(site.deliveries()) <= 1
        assert failures == []
        assert b"outworx" not in answer.body.lower(), "an exception of ours"
    finally:
        site.forget()


def effective(site: Site, method: str, headers: list[tuple[str, str]]) -> str:
    """The method that the handler sees."""
    override = dict(headers).get("x-http-method-override") if site.rewrites else None
    return (override or method).upper()


def test_a_genuine_delivery_runs_in_every_shape(asgi: tuple[Site, Any]) -> None:
    """Else what holds above would hold of nothing."""
    site, app = asgi
    # A Mount serves what is below its path.
    path = PATH + "/" if isinstance(app, Starlette) and _is_mount(app) else PATH
    send = [("host", "testserver"), ("content-length", "2"), *signed(["genuine"], b"{}")]
    assert asgi_request(app, "POST", path, send, b"{}").status == 200
    assert site.bodies == [b"{}"]


def _is_mount(app: Starlette) -> bool:
    return bool(app.routes) and isinstance(app.routes[0], Mount) and app.routes[0].path == PATH


def test_a_genuine_delivery_runs_in_every_wsgi_shape(wsgi: tuple[Site, Any]) -> None:
    site, app = wsgi
    assert (
        wsgi_request(app, "POST", PATH, signed(["genuine"], b"{}"), b"{}", CONTENT_LENGTH="2").status == 200
    )
    assert site.bodies == [b"{}"]
