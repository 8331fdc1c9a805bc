"""Keys with a purpose: what each opens, and that no call stands outside the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from support.serve_command import Command

from outworx_otel.errors import ConfigurationError
from outworx_otel.server import Settings, create_app
from outworx_otel.server.access.api_keys import ApiKeys
from outworx_otel.server.access.policies import Policy, rule_of
from outworx_otel.server.app import Application
from outworx_otel.server.model import Batch
from outworx_otel.server.purposes import EVERY, Purpose, given_key
from outworx_otel.server.store import Store
from server.dashboard.kept import processed

from .scene import HTML, ORIGIN, application, client, form_token, log_in

KEYS = {word: f"a-key-to-{word}-with" for word in ("ingest", "forward", "read", "admin")}
PLAIN = "a-key-for-everything"
# By hand, and not out of the table: what a call is for is decided here.
OPENED = {
    "ingest": [
        ("POST", "/v1/traces"),
        ("POST", "/v1/metrics"),
        ("POST", "/api/ingest"),
        ("POST", "/api/ingest/v1/traces"),
        ("POST", "/api/ingest/v1/metrics"),
        ("POST", "/api/sdk/verify"),
        ("POST", "/api/sdk/idempotency/check"),
        ("POST", "/api/sdk/idempotency/complete"),
        ("POST", "/api/sdk/idempotency/release"),
        ("POST", "/api/sdk/idempotency/renew"),
    ],
    "forward": [
        ("POST", "/api/forward/sessions"),
        ("GET", "/api/forward/poll"),
        ("POST", "/api/forward/responses"),
        ("DELETE", "/api/forward/sessions/x"),
    ],
    "read": [
        ("GET", "/"),
        ("GET", "/deliveries"),
        ("GET", "/deliveries.json"),
        ("GET", "/deliveries.csv"),
        ("GET", "/deliveries/x"),
        ("GET", "/deliveries/x/request-body"),
        ("GET", "/api/deliveries"),
        ("GET", "/api/deliveries/x"),
        ("GET", "/api/openapi.json"),
    ],
}
CALLS = [(purpose, method, path) for purpose, calls in OPENED.items() for method, path in calls]


def keyed(word: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[word]}"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    given = (*(f"{word}:{key}" for word, key in KEYS.items()), PLAIN)
    folder = tmp_path_factory.mktemp("purposes")
    store = Store(f"sqlite:///{folder / 'outworx.db'}", max_queued_bytes=1 << 20)
    store.write(Batch(deliveries=[processed(id="kept")])).result(30)
    store.close()
    app = application(folder, api_keys=given)
    with client(app):
        yield app


def test_every_route_has_its_place_in_the_table(served: Application) -> None:
    """One that has none would be taken for a page, or for a call that reads or changes what is kept."""
    for route in served.routes:
        assert isinstance(route, Route | Mount)
        path = re.sub(r"\{[^}]+\}", "x", route.path) + ("/app.css" if isinstance(route, Mount) else "")
        rule = rule_of(path)
        assert rule.declared, (
            f"{path} stands in no row of access/policies.py: say there what a key must be for"
        )
        if rule.policy in (Policy.PUBLIC, Policy.TUNNEL):
            continue
        for method in getattr(route, "methods", None) or {"GET"}:
            assert rule.purpose(method) is not None or path in ("/logout", "/api/key"), (method, path)


@pytest.mark.parametrize(("purpose", "method", "path"), CALLS)
def test_a_call_is_opened_by_its_purpose_and_by_no_other(
    served: Application, purpose: str, method: str, path: str
) -> None:
    opens = {purpose} | ({"admin"} if purpose == "read" else set())
    for word in KEYS:
        answer = client(served).request(method, path, headers=keyed(word))
        assert (answer.status_code not in (401, 403)) is (word in opens), (word, answer.text)
        if word not in opens:
            assert answer.status_code == 403
            assert f"--api-key {purpose}:KEY" in answer.text
    plain = client(served).request(method, path, headers={"Authorization": f"Bearer {PLAIN}"})
    assert plain.status_code not in (401, 403)


def test_a_refusal_says_what_the_key_may_and_what_the_call_needs(served: Application) -> None:
    answer = client(served).get("/api/deliveries", headers=keyed("ingest"))
    assert answer.json()["error"] == (
        "This API key may only send telemetry, and this call needs one that may read: use a key that the server was"
        " given as --api-key read:KEY or admin:KEY, or as KEY alone."
    )
    assert "www-authenticate" not in answer.headers


def test_a_key_may_ask_what_it_is_for(served: Application) -> None:
    said = {word: client(served).get("/api/key", headers=keyed(word)).json()["purposes"] for word in KEYS}
    assert said == {
        "ingest": ["ingest"],
        "forward": ["forward"],
        "read": ["read"],
        "admin": ["read", "admin"],
    }
    assert client(served).get("/api/key").status_code == 401


def test_where_no_key_is_needed_everything_is_allowed(open_app: Application) -> None:
    assert len(client(open_app).get("/api/key").json()["purposes"]) == len(Purpose)


def test_a_right_key_for_the_wrong_call_is_no_wrong_key(served: Application) -> None:
    """An exporter that was given the reading key must not lock the others at its address out."""
    here = client(served, address="10.4.0.1")
    assert {here.post("/v1/traces", headers=keyed("read")).status_code for _ in range(30)} == {403}
    guesses = [here.get("/api/deliveries", headers={"Authorization": "Bearer guess"}) for _ in range(12)]
    assert [guess.status_code for guess in guesses].count(401) == 10
    assert client(served, address="10.4.0.1").get("/api/deliveries", headers=keyed("read")).status_code == 200


def test_a_session_may_what_its_key_may(served: Application) -> None:
    reader, admin = client(served), client(served)
    assert log_in(reader, KEYS["read"]).status_code == log_in(admin, KEYS["admin"]).status_code == 303
    page = reader.get("/deliveries/kept", headers=HTML).text
    assert "a key that may read and change nothing" in page
    assert 'action="/deliveries/kept/replay' not in page
    assert 'action="/deliveries/kept/replay' in admin.get("/deliveries/kept", headers=HTML).text
    replayed = [
        one.post(
            "/deliveries/kept/replay",
            data={
                "to": "http://127.0.0.1:1",
                "csrf": form_token(one.get("/deliveries/kept", headers=HTML).text),
            },
            headers={"Origin": ORIGIN},
        )
        for one in (reader, admin)
    ]
    assert [answer.status_code for answer in replayed] == [403, 303]
    assert "change, replay and delete" in replayed[0].text
    out = reader.post("/logout", data={"csrf": form_token(page)}, headers={"Origin": ORIGIN})
    assert out.headers["location"] == "/login"


@pytest.mark.parametrize("word", ["ingest", "forward"])
def test_nobody_logs_in_with_a_key_that_may_not_read(served: Application, word: str) -> None:
    browser = client(served)
    answer = log_in(browser, KEYS[word])
    assert answer.status_code == 403
    assert "--api-key read:KEY" in answer.text
    assert browser.get("/deliveries").status_code == 401


def test_a_purpose_ends_where_the_server_is_given_another(tmp_path: Path) -> None:
    browser = _browser(tmp_path, f"admin:{PLAIN}")
    cookie = browser.cookies["outworx_session"]
    for given, status in ((f"read:{PLAIN}", 200), (f"ingest:{PLAIN}", 403), (PLAIN, 200)):
        later = create_app(Settings(database=f"sqlite:///{tmp_path / 'outworx.db'}", api_keys=(given,)))
        with client(later) as again:
            again.cookies.set("outworx_session", cookie, domain="localhost.local")
            assert again.get("/deliveries").status_code == status, given


def _browser(folder: Path, given: str) -> TestClient:
    with client(application(folder, api_keys=(given,))) as browser:
        assert log_in(browser, PLAIN).status_code == 303
        return browser


def test_a_key_that_is_given_twice_has_both_purposes(tmp_path: Path) -> None:
    with client(application(tmp_path, api_keys=(f"ingest:{PLAIN}", f"forward:{PLAIN}"))) as here:
        said = here.get("/api/key", headers={"Authorization": f"Bearer {PLAIN}"}).json()
    assert said == {"purposes": ["ingest", "forward"]}


@pytest.mark.parametrize(
    ("text", "key", "purposes"),
    [
        ("sk_live_0123456789", "sk_live_0123456789", EVERY),
        ("team:42:0123456789", "team:42:0123456789", EVERY),
        (":0123456789", ":0123456789", EVERY),
        ("read:0123456789", "0123456789", {Purpose.READ}),
        # A key whose own text begins so: with each purpose before it.
        ("read:ingest:0123456789", "ingest:0123456789", {Purpose.READ}),
        ("admin:0123456789", "0123456789", {Purpose.ADMIN, Purpose.READ}),
    ],
)
def test_what_stands_before_the_colon_is_the_purpose(text: str, key: str, purposes: set[Purpose]) -> None:
    assert given_key(text) == (key, purposes)


@pytest.mark.parametrize("slip", ["ingst", "Ingest", "READ", "reads", "forwards", "admn", " read", "ingests"])
def test_a_slip_does_not_make_a_key_for_everything(slip: str) -> None:
    with pytest.raises(ConfigurationError, match="is no purpose") as refused:
        Settings(api_keys=(f"{slip}:0123456789",))
    assert "0123456789" not in str(refused.value)


@pytest.mark.parametrize("given", ["read:", "read:short", "ingest:with space here"])
def test_the_key_behind_a_purpose_is_held_to_the_same_rules(given: str) -> None:
    with pytest.raises(ConfigurationError, match="--api-key"):
        Settings(api_keys=(given,))


def test_a_client_that_sends_the_purpose_too_is_told_so(served: Application) -> None:
    answer = client(served, address="10.4.0.2").get(
        "/api/deliveries", headers={"Authorization": f"Bearer read:{KEYS['read']}"}
    )
    assert answer.status_code == 401
    assert "send the key without it" in answer.json()["error"]


def test_a_key_that_was_made_here_has_every_purpose(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'outworx.db'}", max_queued_bytes=1 << 20)
    try:
        made = ApiKeys(Settings(host="0.0.0.0"), store)  # noqa: S104
        assert made.made is not None
        digest = made.find(made.made)
        assert digest is not None
        assert made.purposes(digest) == EVERY
    finally:
        store.close()


def test_the_variable_takes_purposes_too_and_start_says_them(tmp_path: Path) -> None:
    command = Command(
        tmp_path, environ={"OUTWORX_SERVE_API_KEYS": "ingest:0123456789ab forward:ba9876543210"}
    )
    try:
        said = command.start().said()
        command.end()
    finally:
        command.kill()
    assert "one of the 2 that were given" in said
    assert "1 of them: only to send telemetry" in said
    assert "nobody can log in" in said
    assert "0123456789ab" not in said
