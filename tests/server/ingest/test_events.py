"""The JSON batch, event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.exports import JSON

from outworx_otel.telemetry.outcomes import OUTCOMES

from .serving import Serving

EVENT: dict[str, Any] = {
    "provider": "stripe",
    "status_code": 200,
    "success": True,
    "duration_ms": 12.5,
    "payload_size": 33,
    "timestamp": "2026-11-24T08:44:06.340525Z",
    "event_type": "charge.succeeded",
    "request_headers": {"Content-Type": "application/json"},
    "request_body": '{"id": "evt_1"}',
    "response_body": "ok",
    "metadata": {"team": "pay", "retries": 2},
    "source_url": "https://shop.example/webhooks/stripe?x=1",
}


def sent(server: Serving, *events: Any) -> dict[str, Any]:
    answer = server.post("/api/ingest", json.dumps({"events": list(events)}).encode(), JSON)
    assert answer.status_code == 200
    return answer.json()


def test_an_event_is_a_delivery_under_the_same_names(server: Serving) -> None:
    assert sent(server, EVENT) == {"success": True, "accepted": 1}
    kept = server.delivery()
    assert len(kept.pop("id")) == 32
    stored = server.app._store.delivery(server.deliveries()[0]["id"])
    assert stored.source == "events"
    assert (stored.time_ns, stored.duration_ns) == (1_795_509_846_340_525_000, 12_500_000)
    assert stored.attributes == {
        "outworx.webhook.provider": "stripe",
        "outworx.webhook.event.type": "charge.succeeded",
        "outworx.webhook.request.body": '{"id": "evt_1"}',
        "outworx.webhook.response.body": "ok",
        "outworx.webhook.metadata.team": "pay",
        "outworx.webhook.metadata.retries": 2,
        "http.request.method": "POST",
        "http.request.header.content-type": ["application/json"],
        "http.request.body.size": 33,
        "http.response.status_code": 200,
        "url.path": "/webhooks/stripe",
        "url.full": "https://shop.example/webhooks/stripe?x=1",
    }


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "accepted"),
        ({"status_code": 404, "success": False}, "refused"),
        ({"status_code": 401, "success": False, "signature_valid": False}, "rejected"),
        ({"status_code": 401, "success": False}, "refused"),
        ({"signature_valid": False}, "accepted"),
        ({"status_code": 500, "success": False}, "error"),
        ({"success": False}, "failed"),
        ({"metadata": {"duplicate": True}}, "replayed"),
    ],
)
def test_the_outcome_follows_from_what_an_event_says(
    server: Serving, changes: dict[str, Any], outcome: str
) -> None:
    assert outcome in OUTCOMES
    sent(server, {**EVENT, **changes})
    assert server.deliveries()[0]["outcome"] == outcome


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": None},
        {"provider": ""},
        {"provider": 5},
        {"status_code": "200"},
        {"status_code": 99},
        {"status_code": True},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-11-24T08:44:06"},
        {"timestamp": "0001-01-01T00:00:00Z"},
        {"timestamp": "9999-12-31T23:59:59Z"},
    ],
    ids=str,
)
def test_an_unusable_event_is_told_by_its_place_and_the_others_are_kept(
    server: Serving, wrong: dict[str, Any]
) -> None:
    answer = sent(server, EVENT, {**EVENT, **wrong}, {**EVENT, "provider": "github"})
    assert (answer["success"], answer["accepted"], answer["rejected"]) == (False, 2, 1)
    (error,) = answer["errors"]
    assert error["index"] == 1
    assert error["error"]
    assert sorted(one["provider"] for one in server.deliveries()) == ["github", "stripe"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_ms": -1},
        {"duration_ms": 1e300},
        {"payload_size": -1},
        {"event_type": 5},
        {"request_headers": ["no"]},
        {"metadata": "no"},
        {"signature_valid": "yes"},
    ],
    ids=str,
)
def test_an_unusable_value_that_may_be_missing_is_left_out(server: Serving, wrong: dict[str, Any]) -> None:
    assert sent(server, {**EVENT, **wrong}) == {"success": True, "accepted": 1}
    kept = server.app._store.delivery(server.deliveries()[0]["id"])
    least = {name: value for name, value in EVENT.items() if name not in wrong}
    sent(server, least)
    without = [server.app._store.delivery(one["id"]) for one in server.deliveries()]
    assert all(one.attributes == kept.attributes for one in without)
    assert {one.duration_ns for one in without} <= {0, 12_500_000}


def test_what_may_be_missing_may_be_missing(server: Serving) -> None:
    least = {name: EVENT[name] for name in ("provider", "status_code", "timestamp")}
    assert sent(server, least)["accepted"] == 1


@pytest.mark.parametrize(
    "value",
    [None, {"a": [1]}, [1, "2"], 5, 10**400, True, 1e308, "\0 \u202e <b>", "x" * 100_000, {"n": 10**30}],
    ids=lambda value: repr(value)[:20],
)
def test_bodies_headers_and_metadata_may_be_any_json(server: Serving, value: Any) -> None:
    event = {
        **EVENT,
        "request_body": value,
        "response_body": value,
        "request_headers": {"x": value},
        "metadata": {"x": value},
    }
    assert sent(server, event)["accepted"] == 1
    json.dumps(server.delivery(), allow_nan=False)


def test_a_batch_sent_again_is_kept_once_and_two_alike_in_one_twice(server: Serving) -> None:
    for _ in range(3):
        sent(server, EVENT, EVENT)
    assert len(server.deliveries()) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"events": 5}', b'{"events": null}', b"\xff"])
def test_what_is_no_batch_is_a_400_that_says_what_one_is(shared: Serving, body: bytes) -> None:
    answer = shared.post("/api/ingest", body, JSON)
    assert answer.status_code == 400
    assert '{"events": [...]}' in answer.json()["error"]


def test_an_empty_batch_is_a_success(server: Serving) -> None:
    assert sent(server) == {"success": True, "accepted": 0}
