"""Every route, as everybody who may come: what is let in, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from outworx_otel.server.access.policies import Policy, policy_of
from outworx_otel.server.app import Application

from .scene import FOREIGN, HTML, KEY, ORIGIN, WITH_KEY, application, client, log_in

BAD_KEY = {"Authorization": "Bearer owx_not-a-key-of-this-server"}
OWN = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
REBOUND = {"Host": "evil.example:4318"}
# Held open while it lasts: it is looked at in test_stopping.py.
HELD = "/live"


def calls(app: Application) -> Iterator[tuple[str, str]]:
    """Every method and path that the router knows."""
    for route in app.routes:
        path = re.sub(r"\{[^}]+\}", "x", getattr(route, "path", ""))
        if isinstance(route, Mount):
            yield "GET", path + "/app.css"
        else:
            assert isinstance(route, Route)
            for method in sorted(route.methods or {"GET", "POST", "DELETE"}):
                yield method, path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    app = application(tmp_path_factory.mktemp("policies"))
    with client(app):
        yield app


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    app = application(tmp_path_factory.mktemp("unlocked"), api_keys=())
    with client(app):
        yield app


@pytest.fixture(scope="module")
def member(served: Application) -> TestClient:
    """A browser that has logged in."""
    browser = client(served)
    assert log_in(browser).status_code == 303
    return browser


def behind_the_door(app: Application, *policies: Policy) -> list[tuple[str, str]]:
    found = [(method, path) for method, path in calls(app) if policy_of(path) in policies and path != HELD]
    assert found
    return found


def is_let_in(status: int) -> bool:
    return status not in (401, 403, 421, 429) and status < 500


def test_the_table_covers_what_the_router_has(served: Application) -> None:
    by_policy = {
        policy: {path for _, path in calls(served) if policy_of(path) is policy} for policy in Policy
    }
    assert by_policy[Policy.PUBLIC] == {"/healthz", "/login", "/static/x/app.css"}
    assert by_policy[Policy.TUNNEL] == {"/t/x", "/t/x/x"}
    assert all(path.startswith("/v1/") or path == "/mcp" for path in by_policy[Policy.KEY])
    assert all(path.startswith("/api/") or path == "/metrics" for path in by_policy[Policy.READ])
    assert "/deliveries/x/replay" in by_policy[Policy.PAGE]


def test_nothing_behind_the_door_is_reached_without_a_key(served: Application) -> None:
    for method, path in behind_the_door(served, Policy.KEY, Policy.READ, Policy.PAGE):
        answer = client(served).request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_key_is_refused_everywhere(tmp_path: Path, served: Application) -> None:
    for number, (method, path) in enumerate(behind_the_door(served, Policy.KEY, Policy.READ, Policy.PAGE)):
        stranger = client(served, address=f"10.1.{number // 250}.{number % 250}")
        assert stranger.request(method, path, headers=BAD_KEY).status_code == 401, (method, path)


def test_a_key_opens_every_call_of_programs(served: Application) -> None:
    for method, path in behind_the_door(served, Policy.KEY, Policy.READ):
        assert is_let_in(client(served).request(method, path, headers=WITH_KEY).status_code), (method, path)


def test_a_key_reads_pages_and_changes_nothing_by_them(served: Application) -> None:
    for method, path in behind_the_door(served, Policy.PAGE):
        answer = client(served).request(method, path, headers=WITH_KEY)
        assert is_let_in(answer.status_code) == (method in ("GET", "HEAD")), (method, path)


def test_a_session_opens_pages_and_reads_calls(served: Application, member: TestClient) -> None:
    for method, path in behind_the_door(served, Policy.READ):
        answer = member.request(method, path)
        if method in ("GET", "HEAD"):
            assert is_let_in(answer.status_code), (method, path)
        else:
            assert answer.status_code == 401, (method, path)
    for method, path in behind_the_door(served, Policy.PAGE):
        if method in ("GET", "HEAD"):
            assert is_let_in(member.request(method, path, headers=OWN).status_code), (method, path)


def test_a_session_is_no_key_for_otlp(served: Application, member: TestClient) -> None:
    for method, path in behind_the_door(served, Policy.KEY):
        assert member.request(method, path).status_code == 401, (method, path)


def test_another_sites_page_gets_nowhere_with_a_session(served: Application, member: TestClient) -> None:
    for method, path in behind_the_door(served, Policy.KEY, Policy.READ, Policy.PAGE, Policy.PUBLIC):
        assert member.request(method, path, headers=FOREIGN).status_code == 403, (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Content-Type": "text/plain", "Origin": "https://evil.example"},
    ],
)
def test_another_sites_page_gets_nowhere_on_an_open_server(
    unlocked: Application, headers: dict[str, str]
) -> None:
    for method, path in behind_the_door(unlocked, Policy.KEY, Policy.READ, Policy.PAGE, Policy.PUBLIC):
        assert client(unlocked).request(method, path, headers=headers).status_code == 403, (method, path)


def test_no_key_or_any_key_is_taken_by_an_open_server(unlocked: Application) -> None:
    for method, path in behind_the_door(unlocked, Policy.KEY, Policy.READ):
        for headers in ({}, BAD_KEY):
            assert is_let_in(client(unlocked).request(method, path, headers=headers).status_code), (
                method,
                path,
            )


def test_a_link_from_elsewhere_opens_a_page(served: Application, member: TestClient) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert member.get("/deliveries", headers=followed).status_code == 200


def test_another_name_is_not_answered(served: Application, unlocked: Application, member: TestClient) -> None:
    for app, caller in ((served, member), (unlocked, client(unlocked))):
        for method, path in behind_the_door(app, Policy.KEY, Policy.READ, Policy.PAGE, Policy.PUBLIC):
            # What the page that says so looks like is the same for everybody.
            if path.startswith("/static/"):
                continue
            answer = caller.request(method, path, headers=REBOUND)
            assert answer.status_code == 421, (method, path)
            assert method == "HEAD" or "--allowed-host" in answer.text


def test_a_key_is_taken_under_any_name(served: Application) -> None:
    """A container is reached by a name that nobody told it."""
    headers = {**WITH_KEY, **REBOUND}
    assert client(served).get("/api/deliveries", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "//api/deliveries",
        "/./api/deliveries",
        "/static/../api/deliveries",
        "/static/x/../../api/deliveries",
        "/static/x/%2e%2e/%2e%2e/api/deliveries",
        "/t/../api/deliveries",
        "/t/x/../../api/deliveries",
        "/t/%2e%2e/api/deliveries",
        "/API/deliveries",
        "/api/deliveries/",
        "/api/deliveries.",
        "/api%2fdeliveries",
        "/api/deliveries%00",
        "/api/deliveries%0a",
        "/login/../api/deliveries",
        "/login%0a",
        "/healthz/../api/deliveries",
        "/healthz;/../api/deliveries",
        "/login;/../deliveries",
        "/%61pi/deliveries",
        "/api\\deliveries",
        "/static\\..\\api/deliveries",
    ],
)
def test_no_spelling_of_a_path_gets_round_the_table(served: Application, path: str) -> None:
    scope_path, raw = _decoded(path), path.encode()
    answer = _ask(served, scope_path, raw)
    assert answer[0] in (401, 404), answer
    assert b"next_cursor" not in answer[1]


def _decoded(path: str) -> str:
    from urllib.parse import unquote

    # As uvicorn does.
    return unquote(path)


def _ask(app: Application, path: str, raw_path: bytes) -> tuple[int, bytes]:
    """A request whose path no client has tidied up."""
    import anyio

    said: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": raw_path,
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost:4318")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 4318),
        "state": {},
    }
    anyio.run(app, scope, receive, send)  # type: ignore[arg-type]
    body = b"".join(message.get("body", b"") for message in said[1:])  # type: ignore[misc]
    return int(said[0]["status"]), body  # type: ignore[call-overload]


def test_a_browser_is_shown_the_way_to_the_login(served: Application) -> None:
    answer = client(served).get("/deliveries?provider=stripe", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fdeliveries%3Fprovider%3Dstripe"


def test_otlp_is_refused_in_its_own_words(served: Application) -> None:
    from google.rpc.status_pb2 import Status

    protobuf = client(served).post("/v1/traces", headers={"Content-Type": "application/x-protobuf"})
    status = Status.FromString(protobuf.content)
    assert (protobuf.status_code, status.code) == (401, 16)
    assert "Authorization: Bearer" in status.message
    json = client(served).post("/api/ingest/v1/traces", headers={"Content-Type": "application/json"})
    assert (json.status_code, json.json()["code"]) == (401, 16)
    call = client(served).get("/api/deliveries")
    assert "OUTWORX_API_KEY" in call.json()["error"]


@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer {}", "BEARER   {}", " Bearer {} "])
def test_the_scheme_may_be_spelt_in_any_case(served: Application, spelling: str) -> None:
    answer = client(served).get("/api/deliveries", headers={"Authorization": spelling.format(KEY)})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "value", [KEY, f"Basic {KEY}", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY} x"]
)
def test_anything_else_is_no_key(served: Application, value: str) -> None:
    stranger = client(served, address=f"10.9.0.{len(value)}")
    assert stranger.get("/api/deliveries", headers={"Authorization": value}).status_code == 401


def test_two_keys_at_once_are_none(served: Application) -> None:
    headers = [("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {KEY}")]
    stranger = client(served, address="10.9.1.1")
    assert stranger.get("/api/deliveries", headers=headers).status_code == 401


def test_a_websocket_is_turned_away(served: Application) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client(served).websocket_connect("/live"):
        pass
