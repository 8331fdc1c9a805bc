"""The idempotency calls: as the published SDK makes them, as this package does, and both at once."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from support.exports import JSON

from .serving import Serving

KEY = {"key": "evt_1"}
ANSWER = {**KEY, "response_status_code": 201, "response_body": '{"ok": true}'}


def call(server: Serving, name: str, document: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = server.post(f"/api/sdk/idempotency/{name}", json.dumps(document).encode(), JSON)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_key_is_new_then_in_progress_then_a_duplicate_with_its_answer(server: Serving) -> None:
    assert call(server, "check", {**KEY, "ttl": 3600})["status"] == "new"
    assert call(server, "check", KEY)["status"] == "in_progress"
    assert call(server, "complete", ANSWER) == {"ok": True}
    duplicate = call(server, "check", KEY)
    assert duplicate["status"] == "duplicate"
    assert (duplicate["cached_status_code"], duplicate["cached_body"]) == (201, '{"ok": true}')


def test_what_nobody_checked_cannot_be_completed(server: Serving) -> None:
    assert call(server, "complete", ANSWER) == {"ok": False}
    assert call(server, "check", KEY)["status"] == "new"


def test_the_first_answer_stands(server: Serving) -> None:
    call(server, "check", KEY)
    call(server, "complete", ANSWER)
    assert call(server, "complete", {**ANSWER, "response_status_code": 500}) == {"ok": False}
    assert call(server, "check", KEY)["cached_status_code"] == 201


def test_a_claim_with_a_token_can_be_renewed_and_released_with_it_alone(server: Serving) -> None:
    mine = {**KEY, "token": "mine"}
    assert call(server, "check", {**mine, "lease": 20})["status"] == "new"
    assert call(server, "check", mine)["status"] == "new"
    other = call(server, "check", {**KEY, "token": "other"})
    assert (other["status"], 0 < other["lease_left"] <= 30) == ("in_progress", True)
    for name in ("renew", "release"):
        assert call(server, name, {**KEY, "token": "other"}) == {"ok": False}
    assert call(server, "renew", mine) == {"ok": True}
    assert call(server, "release", mine) == {"ok": True}
    assert call(server, "check", KEY)["status"] == "new"


def test_an_old_client_and_a_new_one_share_keys(server: Serving) -> None:
    call(server, "check", KEY)
    new = {**KEY, "token": "new"}
    assert call(server, "check", new)["status"] == "in_progress"
    assert call(server, "complete", {**ANSWER, "token": "new"}) == {"ok": False}
    call(server, "complete", ANSWER)
    duplicate = call(server, "check", new)
    assert duplicate["status"] == "duplicate"
    assert base64.b64decode(duplicate["body_base64"]) == b'{"ok": true}'


def test_an_answer_in_bytes_comes_back_exactly(server: Serving) -> None:
    body = bytes(range(256))
    call(server, "check", {**KEY, "token": "t"})
    exact = {
        "body_base64": base64.b64encode(body).decode(),
        "headers": [["content-type", "application/x-thing"], ["etag", '"ü"']],
        "fingerprint": "f" * 64,
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
    }
    call(server, "complete", {**KEY, "token": "t", "response_status_code": 200, **exact})
    duplicate = call(server, "check", KEY)
    assert {name: duplicate[name] for name in exact} == exact
    assert duplicate["cached_body"] == body.decode("utf-8", "replace")


@pytest.mark.parametrize("over", [{"response_body": "x" * 262_145}, {"response_body": {"a": "x" * 262_145}}])
def test_of_a_body_over_the_cap_the_status_alone_is_kept(server: Serving, over: dict[str, Any]) -> None:
    call(server, "check", KEY)
    call(server, "complete", {**ANSWER, **over})
    duplicate = call(server, "check", KEY)
    assert duplicate["cached_status_code"] == 201
    assert "cached_body" not in duplicate


def test_of_many_checks_at_once_one_is_new(server: Serving) -> None:
    said: list[str] = []
    barrier = threading.Barrier(10)

    def ask() -> None:
        barrier.wait()
        said.append(call(server, "check", KEY)["status"])

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["in_progress"] * 9 + ["new"]


def test_keys_outlive_the_server(server: Serving, serve: Any) -> None:
    call(server, "check", KEY)
    call(server, "complete", ANSWER)
    assert call(serve(), "check", KEY)["status"] == "duplicate"


def test_keys_are_not_stored_as_they_come(server: Serving) -> None:
    call(server, "check", {"key": "somebody@example.com"})
    files = [server.database, *server.database.parent.glob(f"{server.database.name}-*")]
    assert not any(b"somebody@example.com" in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("check", {}),
        ("check", {"key": ""}),
        ("check", {"key": 5}),
        ("check", {"key": "x" * 8193}),
        ("check", {**KEY, "lease": -1}),
        ("check", {**KEY, "token": "a\nb"}),
        ("complete", KEY),
        ("complete", {**ANSWER, "response_status_code": 7}),
        ("complete", {**ANSWER, "token": "t", "body_base64": "*"}),
        ("complete", {**ANSWER, "token": "t", "headers": [["a"]]}),
        ("complete", {**ANSWER, "token": "t", "headers": [["a", "x" * 20_000]]}),
        ("release", KEY),
        ("renew", KEY),
    ],
)
def test_what_cannot_be_meant_is_a_400_that_says_what_is_wrong(
    shared: Serving, name: str, document: dict[str, Any]
) -> None:
    assert call(shared, name, document, status=400)["error"]


@pytest.mark.parametrize("extreme", [1e308, 1e-300, 2**60])
def test_extreme_leases_and_ttls_are_clamped(server: Serving, extreme: float) -> None:
    call(server, "check", {**KEY, "ttl": extreme, "lease": extreme, "token": "t"})
    call(server, "complete", {**ANSWER, "ttl": extreme, "token": "t"})
    assert call(server, "check", KEY)["status"] == "duplicate"


def test_a_key_is_verified(serve: Any) -> None:
    server = serve(api_keys=("right-and-long",))
    for key, status in (("right-and-long", 200), ("wrong-and-long", 401)):
        answer = server.post("/api/sdk/verify", b"", {"authorization": f"Bearer {key}"})
        assert answer.status_code == status
