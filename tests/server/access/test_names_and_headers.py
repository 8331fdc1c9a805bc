"""Which names the server answers to, and what every answer carries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from starlette.types import Message
from support.staged_store import StagedStore

from outworx_otel.server.access import access_guard
from outworx_otel.server.access.origins import Origins
from outworx_otel.server.app import Application
from outworx_otel.server.settings import Settings

from .scene import HTML, KEY, WITH_KEY, application, client

OWN = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
EVERYWHERE: dict[str, Any] = {"host": "0.0.0.0", "api_keys": (KEY,)}  # noqa: S104  # what is tested
SLUG = "/t/0123456789abcdef0123456789abcdef"
PUBLIC: dict[str, Any] = {"public_url": "https://hooks.example.com", "api_keys": (KEY,)}


@pytest.mark.parametrize(
    ("settings", "host", "answered"),
    [
        ({}, "localhost:4318", True),
        ({}, "LOCALHOST", True),
        ({}, "localhost.", True),
        ({}, "app.localhost:4318", True),
        ({}, "127.0.0.1:4318", True),
        ({}, "127.8.8.8", True),
        ({}, "[::1]:4318", True),
        ({}, "evil.example", False),
        ({}, "localhost.evil.example", False),
        ({}, "127.0.0.1.nip.io", False),
        ({}, "10.0.0.1", False),
        ({}, "0.0.0.0", False),  # noqa: S104  # a name, no binding
        ({}, "", False),
        ({}, "localhost:port", False),
        ({}, "user@localhost", False),
        ({}, "localhost/x", False),
        ({}, "localhost\\x", False),
        ({}, "[::1", False),
        ({"allowed_hosts": ("outworx",)}, "outworx:4318", True),
        ({"allowed_hosts": ("Outworx:4318",)}, "outworx", True),
        (EVERYWHERE, "10.0.0.1:4318", True),
        (EVERYWHERE, "[2001:db8::1]:4318", True),
        (EVERYWHERE, "evil.example", False),
        (PUBLIC, "hooks.example.com", True),
        (PUBLIC, "HOOKS.example.com:443", True),
        (PUBLIC, "example.com", False),
        ({"host": "10.0.0.7", "api_keys": (KEY,)}, "10.0.0.7:4318", True),
        ({"host": "10.0.0.7", "api_keys": (KEY,)}, "10.0.0.8:4318", False),
    ],
)
def test_the_server_answers_to_its_own_names(settings: dict[str, Any], host: str, answered: bool) -> None:
    assert Origins(Settings(**settings)).answers_to(Headers({"host": host})) is answered


def test_no_host_or_two_are_none() -> None:
    origins = Origins(Settings())
    assert not origins.answers_to(Headers({}))
    assert not origins.answers_to(Headers(raw=[(b"host", b"localhost"), (b"host", b"localhost")]))


def test_a_public_page_may_send_its_own_forms() -> None:
    origins = Origins(Settings(**PUBLIC))
    own = {"host": "127.0.0.1:4318", "origin": "https://hooks.example.com", "sec-fetch-site": "same-origin"}
    assert not origins.is_foreign("POST", Headers(own))
    assert origins.is_foreign("POST", Headers({**own, "origin": "http://hooks.example.com"}))
    assert origins.is_foreign("POST", Headers({**own, "origin": "https://hooks.example.com.evil.example"}))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/healthz", {}),
        ("GET", "/login", HTML),
        ("GET", "/deliveries", HTML),
        ("GET", "/deliveries", WITH_KEY),
        ("GET", "/api/deliveries", {}),
        ("GET", "/api/deliveries", WITH_KEY),
        ("GET", "/api/nothing", WITH_KEY),
        ("GET", "/nothing", WITH_KEY),
        ("PATCH", "/api/deliveries", WITH_KEY),
        ("POST", "/v1/traces", {**WITH_KEY, "Content-Type": "text/plain"}),
        ("GET", "/healthz", {"Host": "evil.example"}),
    ],
)
def test_every_answer_of_ours_carries_the_headers(
    app: Application, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client(app).request(method, path, headers=headers)
    assert {name: answer.headers.get(name) for name in OWN} == OWN
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers


def test_a_fault_carries_them_too_and_tells_nothing(open_app: Application, store: StagedStore) -> None:
    store.faults["deliveries"] = RuntimeError("the secret of the house")
    answer = client(open_app).get("/api/deliveries")
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in OWN} == OWN
    assert "secret" not in answer.text


def test_static_files_may_be_kept(app: Application) -> None:
    page = client(app).get("/login", headers=HTML).text
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = client(app).get(path)
    assert answer.status_code == 200
    assert "max-age" in answer.headers["cache-control"]
    assert answer.headers["content-security-policy"] == OWN["content-security-policy"]


def test_a_tunnels_answer_is_not_ours(app: Application) -> None:
    answer = client(app).get(SLUG + "/hook", headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers


def test_no_tunnel_comes_in_here_where_the_relay_has_a_port_of_its_own(tmp_path: Path) -> None:
    app = application(tmp_path, relay_port=0)
    with client(app) as caller:
        assert caller.get(SLUG).status_code == 401
        assert app.tunnels is not None
        outside = TestClient(app.tunnels)
        assert outside.get(SLUG).headers["content-security-policy"] == "sandbox"
        assert outside.get("/healthz").status_code == 404


def test_a_form_that_never_ends_does_not_hold_its_place(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_guard, "FORM_SECONDS", 0.05)
    sent: list[Message] = []

    async def drip() -> Message:
        if not sent:
            await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"k", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/login",
        "raw_path": b"/login",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }
    asyncio.run(app(scope, drip, send))
    assert sent[0]["status"] == 408


def test_too_many_requests_at_once_are_told_so(tmp_path: Path) -> None:
    app = application(tmp_path, max_concurrent=0, max_strangers=0)
    with client(app) as caller:
        answers = [caller.get("/healthz"), caller.get("/api/deliveries", headers=WITH_KEY)]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")] * 2
