"""Logging in and out, forms, and how long a cookie counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from outworx_otel.server.access import COOKIE
from outworx_otel.server.access.api_keys import ApiKeys
from outworx_otel.server.access.sessions import BrowserSessions, BrowserVisit
from outworx_otel.server.app import Application
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store

from .scene import HTML, KEY, ORIGIN, application, client, form_token, log_in

WEEK = 7 * 86_400


def test_the_right_key_opens_the_dashboard(browser: TestClient) -> None:
    answer = log_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/deliveries")
    assert browser.get("/deliveries", headers=HTML).status_code == 200


def test_the_cookie_is_for_our_pages_alone(browser: TestClient) -> None:
    cookie = log_in(browser).headers["set-cookie"]
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{COOKIE}=")
    assert {"httponly", "samesite=lax", "path=/", f"max-age={WEEK}"} <= flags
    assert "secure" not in flags


def test_the_cookie_is_secure_behind_https(tmp_path: Path) -> None:
    app = application(tmp_path, public_url="https://hooks.example.com")
    with client(app, "https://hooks.example.com") as browser:
        page = browser.get("/login", headers=HTML)
        assert "; Secure" in page.headers["set-cookie"]
        answer = browser.post(
            "/login",
            data={"key": KEY, "csrf": form_token(page.text)},
            headers={"Origin": "https://hooks.example.com"},
        )
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_wrong_key_opens_nothing(browser: TestClient) -> None:
    assert log_in(browser, "owx_some-other-key").status_code == 403
    assert browser.get("/deliveries", headers=HTML).status_code == 303


def test_logging_in_makes_a_session_that_nobody_can_have_set(browser: TestClient) -> None:
    browser.get("/login", headers=HTML)
    before = browser.cookies[COOKIE]
    log_in(browser)
    assert browser.cookies[COOKIE].split(".")[1] != before.split(".")[1]


def test_nobody_is_sent_elsewhere_after_logging_in(browser: TestClient) -> None:
    token = form_token(browser.get("/login", headers=HTML).text)
    answer = browser.post(
        "/login",
        data={"key": KEY, "csrf": token, "next": "https://evil.example/"},
        headers={"Origin": ORIGIN},
    )
    assert answer.headers["location"] == "/"


def test_logging_out_ends_the_session_also_for_whoever_kept_the_cookie(
    app: Application, browser: TestClient
) -> None:
    log_in(browser)
    kept = browser.cookies[COOKIE]
    token = form_token(browser.get("/deliveries", headers=HTML).text)
    assert browser.post("/logout", data={"csrf": token}, headers={"Origin": ORIGIN}).status_code == 303
    assert COOKIE not in browser.cookies
    thief = client(app)
    thief.cookies.set(COOKIE, kept)
    assert thief.get("/deliveries", headers=HTML).status_code == 303


@pytest.mark.parametrize("token", [None, "", "x", "0" * 64, "é"])
def test_a_form_without_its_token_changes_nothing(browser: TestClient, token: str | None) -> None:
    browser.get("/login", headers=HTML)
    data = {"key": KEY, **({} if token is None else {"csrf": token})}
    assert browser.post("/login", data=data, headers={"Origin": ORIGIN}).status_code == 403


def test_a_form_of_another_visitor_changes_nothing(app: Application, browser: TestClient) -> None:
    browser.get("/login", headers=HTML)
    token = form_token(client(app).get("/login", headers=HTML).text)
    assert browser.post("/login", data={"key": KEY, "csrf": token}).status_code == 403


def test_a_token_without_the_cookie_it_belongs_to_changes_nothing(app: Application) -> None:
    token = form_token(client(app).get("/login", headers=HTML).text)
    assert client(app).post("/login", data={"key": KEY, "csrf": token}).status_code == 403


def test_an_open_server_asks_for_the_token_too(open_app: Application) -> None:
    browser = client(open_app)
    refused = browser.post("/deliveries/x/replay", data={"target": "http://127.0.0.1:1"})
    assert refused.status_code == 403


def test_a_form_is_bounded(browser: TestClient) -> None:
    browser.get("/login", headers=HTML)
    assert browser.post("/login", data={"key": "x" * 100_000}).status_code == 413

    def endless() -> Any:
        yield b"key="
        for _ in range(200):
            yield b"x" * 1024

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.post("/login", content=endless(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data", b"nothing"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(500))),
        ("text/plain", b"csrf=1"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n--x--\r\n',
        ),
    ],
)
def test_what_is_no_form_of_ours_is_refused(browser: TestClient, content_type: str, body: bytes) -> None:
    browser.get("/login", headers=HTML)
    answer = browser.post("/login", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in (400, 403)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'sessions.db'}"


def sessions(database: str, clock: Clock, *keys: str) -> tuple[BrowserSessions, ApiKeys]:
    store = Store(database, max_queued_bytes=1)
    held = ApiKeys(Settings(api_keys=keys), store)
    return BrowserSessions(held, store, 3600, clock), held


def session_of(made: BrowserSessions, keys: ApiKeys, key: str) -> str:
    digest = keys.find(key)
    assert digest is not None
    return made.logged_in(digest)


def test_a_session_ends_by_itself(database: str) -> None:
    clock = Clock()
    made, keys = sessions(database, clock, "first-key")
    cookie = session_of(made, keys, "first-key")
    clock.now += 3599
    assert made.visit(cookie).logged_in
    clock.now += 2
    assert not made.visit(cookie).logged_in


def test_a_session_outlives_a_restart(database: str) -> None:
    clock = Clock()
    cookie = session_of(*sessions(database, clock, "first-key"), "first-key")
    assert sessions(database, clock, "first-key", "second-key")[0].visit(cookie).logged_in


def test_a_session_ends_with_its_key(database: str) -> None:
    clock = Clock()
    cookie = session_of(*sessions(database, clock, "first-key"), "first-key")
    assert not sessions(database, clock, "second-key")[0].visit(cookie).logged_in


def test_a_session_that_was_ended_stays_so_after_a_restart(database: str) -> None:
    clock = Clock()
    made, keys = sessions(database, clock, "first-key")
    cookie, other = (session_of(made, keys, "first-key") for _ in range(2))
    made.end(made.visit(cookie))
    restarted = sessions(database, clock, "first-key")[0]
    assert not restarted.visit(cookie).logged_in
    assert restarted.visit(other).logged_in


def test_what_is_remembered_of_ended_sessions_is_bounded(database: str) -> None:
    clock = Clock()
    made, _ = sessions(database, clock, "first-key")
    for number in range(3):
        made.end(BrowserVisit(str(number)))
    assert len(made._ended) == 3
    clock.now += 3601
    made.end(BrowserVisit("later"))
    assert len(made._ended) == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: "",
        lambda cookie: "." * 10,
        # The last character but one: of the last, base64 ignores two bits.
        lambda cookie: cookie[:-2] + ("A" if cookie[-2] != "A" else "B") + cookie[-1],
        lambda cookie: "x" + cookie,
        lambda cookie: cookie.replace(".", ",", 1),
        lambda cookie: cookie.rpartition(".")[0],
        lambda cookie: "\x00é" + cookie,
        lambda cookie: cookie * 100,
    ],
)
def test_a_forged_cookie_is_a_new_visitor(database: str, forge: Any) -> None:
    made, keys = sessions(database, Clock(), "first-key")
    visit = made.visit(forge(session_of(made, keys, "first-key")))
    assert visit.fresh
    assert not visit.logged_in


def test_an_anonymous_cookie_is_no_login(database: str) -> None:
    made, _ = sessions(database, Clock(), "first-key")
    visit = made.visit(made.anonymous(BrowserVisit("somebody")))
    assert (visit.id, visit.logged_in, visit.fresh) == ("somebody", False, False)
