"""Whatever is sent, to whatever shape of application: no unverified run, no second delivery, no failure of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from integrations.inputs import bodies, encodings, header_lists, lengths
from starlette.applications import Starlette
from starlette.routing import Mount
from support import deliveries
from support.calls import PATH, Answer
from support.deliveries import SECRET, WRONG

from outworx_otel import verify

from .sending import asgi_request, wsgi_request
from .shapes import DEFAULT_METHODS, METHODS, SHAPES_ASGI, SHAPES_WSGI
from .site import Site

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
