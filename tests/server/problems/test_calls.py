"""The calls about problems, as programs make them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from outworx_otel.server.app import Application
from server.access.scene import WITH_KEY, application, client
from server.problems.staged import came
from server.store.samples import batch

NAMES = {
    *("id", "state", "service", "environment", "provider", "route", "outcome", "reason", "cause"),
    *("exception_type", "code_function", "code_file", "first_seen", "last_seen", "last_good", "streak"),
    *("deliveries", "events", "unhandled_events", "version", "headline"),
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = application(tmp_path)
    yield app
    app._store.close()


@pytest.fixture
def caller(app: Application) -> TestClient:
    caller = client(app)
    caller.headers.update(WITH_KEY)
    return caller


def keep(app: Application, *deliveries: Any) -> None:
    app._store.write(batch(*deliveries)).result(20)


def test_problems_have_the_names_of_the_contract(app: Application, caller: TestClient) -> None:
    failed = came("silent_drop", 5, cause="early_return", function="paid", file="/srv/shop.py", version="9")
    keep(app, came("accepted"), failed)
    page = caller.get("/api/problems").json()
    assert page["next_cursor"] is None
    (found,) = page["problems"]
    assert found.keys() >= NAMES
    assert (found["state"], found["cause"], found["code_file"]) == ("open", "early_return", "/srv/shop.py")
    assert found["environment"] is None
    assert found["last_good"] == "2026-09-21T13:13:20.000Z"
    assert found["first_seen"] == found["last_seen"] == "2026-09-21T13:13:25.000Z"
    assert (found["streak"], found["unhandled_events"], found["version"]) == (1, 1, "9")
    assert caller.get(f"/api/problems/{found['id']}").json() == found
    listed = caller.get("/api/deliveries", params={"problem": found["id"]}).json()["deliveries"]
    assert [one["id"] for one in listed] == [failed.id]


def test_a_state_is_set_and_asked_for(app: Application, caller: TestClient) -> None:
    keep(app, came("error"), came("error", route="/webhooks/other"))
    number = caller.get("/api/problems").json()["problems"][0]["id"]
    answer = caller.post(f"/api/problems/{number}", json={"state": "ignored"})
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    of_state = {
        state: [one["id"] for one in caller.get("/api/problems", params={"state": state}).json()["problems"]]
        for state in ("ignored", "open", "resolved")
    }
    assert of_state == {"ignored": [number], "open": [3 - number], "resolved": []}


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"state": "broken"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"servise": "shop"}, "servise"),
        ({"provider": ["a", "b"]}, "provider"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(caller: TestClient, parameters: Any, named: str) -> None:
    answer = caller.get("/api/problems", params=parameters)
    assert (answer.status_code, answer.json()["parameter"]) == (400, named)


@pytest.mark.parametrize("number", ["7", "0", "-1", "x", "99999999999", "٣"])
def test_a_problem_that_is_not_there(caller: TestClient, number: str) -> None:
    assert caller.get(f"/api/problems/{number}").status_code == 404
    assert caller.post(f"/api/problems/{number}", json={"state": "open"}).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{}", b'{"state": "done"}', b"[" * 5000, b"\xff"])
def test_a_change_that_says_nothing_is_refused(app: Application, caller: TestClient, body: bytes) -> None:
    keep(app, came("error"))
    answer = caller.post("/api/problems/1", content=body)
    assert answer.status_code == 400
    assert "acknowledged" in answer.json()["error"]


def test_a_key_that_only_reads_changes_nothing(tmp_path: Path) -> None:
    app = application(tmp_path, api_keys=("read:a-key-that-reads", "admin:a-key-that-changes"))
    try:
        keep(app, came("error"))
        for key, status in (("a-key-that-reads", 403), ("a-key-that-changes", 200)):
            caller = client(app)
            caller.headers["Authorization"] = f"Bearer {key}"
            assert caller.get("/api/problems").status_code == 200
            assert caller.post("/api/problems/1", json={"state": "resolved"}).status_code == status
    finally:
        app._store.close()
