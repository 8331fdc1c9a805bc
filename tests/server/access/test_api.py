"""The calls that read: lists, one delivery, health."""

from __future__ import annotations

import datetime
import html
import json
import time
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.staged_store import StagedStore

from outworx_otel.server.app import Application
from outworx_otel.server.documents import jsonable
from outworx_otel.server.model import Batch, SpanEvent, SpanLink, SpanRecord, StoredDelivery
from outworx_otel.server.store import StoreBusy, StoreUnavailable

from .scene import client

SECONDS = int(time.time()) - 3600
TIME = SECONDS * 10**9
ISO = datetime.datetime.fromtimestamp(SECONDS, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def caller(open_app: Application) -> TestClient:
    return client(open_app)


def delivery(number: int = 0, **fields: Any) -> StoredDelivery:
    fields = {"provider": "stripe", "outcome": "accepted", "event_id": f"evt_{number}", **fields}
    return StoredDelivery(
        id=f"{number:032x}", time_ns=TIME + number * 10**9, duration_ns=42_000_000, **fields
    )


def keep(app: Application, *deliveries: StoredDelivery, spans: list[SpanRecord] | None = None) -> None:
    app._store.write(Batch(deliveries=list(deliveries), spans=spans or [], size=1)).result(30)


def test_deliveries_are_listed_newest_first_in_pages(open_app: Application, caller: TestClient) -> None:
    keep(open_app, *(delivery(number) for number in range(5)))
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        params = {"limit": "2", **({} if cursor is None else {"cursor": cursor})}
        page = caller.get("/api/deliveries", params=params).json()
        seen += [found["event.id"] for found in page["deliveries"]]
        cursor = page["next_cursor"]
    assert seen == ["evt_4", "evt_3", "evt_2", "evt_1", "evt_0"]
    assert cursor is None


def test_names_are_those_of_the_attributes_without_the_prefix(
    open_app: Application, caller: TestClient
) -> None:
    keep(
        open_app,
        delivery(
            outcome="rejected",
            status=401,
            route="/hooks/{name}",
            path="/hooks/a",
            signature_valid=False,
            reason="hmac_mismatch",
            service="shop",
            trace_id=TRACE,
            span_id="b7ad6b7169203331",
        ),
    )
    (found,) = caller.get("/api/deliveries").json()["deliveries"]
    assert found == {
        "id": "0" * 32,
        "time": ISO,
        "duration": 0.042,
        "trace_id": TRACE,
        "span_id": "b7ad6b7169203331",
        "service.name": "shop",
        "provider": "stripe",
        "outcome": "rejected",
        "event.id": "evt_0",
        "http.request.method": "POST",
        "http.response.status_code": 401,
        "http.route": "/hooks/{name}",
        "url.path": "/hooks/a",
        "signature.valid": False,
        "signature.reason": "hmac_mismatch",
        "why": "the signature does not match",
    }


def test_a_filter_narrows_the_list(open_app: Application, caller: TestClient) -> None:
    keep(open_app, delivery(0), delivery(1, provider="github"), delivery(2, outcome="failed"))
    for query, expected in (
        ("provider=github", ["evt_1"]),
        ("outcome=failed", ["evt_2"]),
        (f"since={SECONDS + 1}", ["evt_2", "evt_1"]),
        (f"until={SECONDS + 1}", ["evt_0"]),
        ("q=evt_1", ["evt_1"]),
        ("provider=nobody", []),
    ):
        page = caller.get(f"/api/deliveries?{query}").json()
        assert [found["event.id"] for found in page["deliveries"]] == expected, query


@pytest.mark.parametrize(
    ("query", "parameter", "told"),
    [
        ("provder=stripe", "provder", "did you mean 'provider'"),
        ("limit=0", "limit", "1 to 500"),
        ("limit=501", "limit", "1 to 500"),
        ("limit=ten", "limit", "1 to 500"),
        ("limit=1&limit=2", "limit", "more than once"),
        ("limit=%F0%9D%9F%8F", "limit", "1 to 500"),
        ("outcome=good", "outcome", "must be one of accepted"),
        ("unverified=no", "unverified", "must be true"),
        ("since=soon", "since", "-24h"),
        ("cursor=made-up", "cursor", "leave it out"),
        ("cursor=%00", "cursor", "leave it out"),
        ("cursor=" + "A" * 300, "cursor", "leave it out"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(
    caller: TestClient, query: str, parameter: str, told: str
) -> None:
    answer = caller.get(f"/api/deliveries?{query}")
    assert answer.status_code == 400
    assert answer.json()["parameter"] == parameter
    assert told in answer.json()["error"]


def test_one_delivery_is_told_with_all_that_belongs_to_it(open_app: Application, caller: TestClient) -> None:
    first = delivery(0, trace_id=TRACE, span_id="b7ad6b7169203331")
    again = delivery(
        1,
        event_id="evt_0",
        outcome="replayed",
        trace_id="1" * 32,
        span_id="2" * 16,
        parent_span_id="3" * 16,
        status_message="told",
        attributes={
            "outworx.webhook.provider": "stripe",
            "outworx.webhook.signature.hint": "a hint",
            "outworx.webhook.id": "not the id",
            "spans": "not the spans",
            "http.request.header.x-a": ["1", "2"],
            "outworx.webhook.metadata.ratio": float("nan"),
        },
        resource={"service.name": "shop"},
        events=(SpanEvent("exception", TIME, {"exception.type": "KeyError"}),),
        links=(SpanLink(TRACE, "b7ad6b7169203331", {}),),
    )
    child = SpanRecord(
        trace_id="1" * 32,
        span_id="4" * 16,
        name="SELECT",
        time_ns=TIME,
        duration_ns=1000,
        attributes={"db": 1},
    )
    work = SpanRecord(
        trace_id="5" * 32,
        span_id="6" * 16,
        name="process stripe",
        time_ns=TIME,
        duration_ns=1000,
        scope="outworx_otel",
        links=(SpanLink("1" * 32, "2" * 16, {}),),
    )
    keep(open_app, first, again, spans=[child, work])
    found = caller.get(f"/api/deliveries/{again.id}").json()
    assert found["id"] == again.id
    assert found["signature.hint"] == "a hint"
    assert found["http.request.header.x-a"] == ["1", "2"]
    assert found["metadata.ratio"] == "NaN"
    assert (found["parent_span_id"], found["status_message"]) == ("3" * 16, "told")
    assert found["resource"] == {"service.name": "shop"}
    assert found["events"][0] == {
        "name": "exception",
        "time": ISO,
        "attributes": {"exception.type": "KeyError"},
    }
    assert found["links"] == [{"trace_id": TRACE, "span_id": "b7ad6b7169203331", "attributes": {}}]
    assert [span["name"] for span in found["spans"]] == ["SELECT"]
    assert [span["name"] for span in found["deferred"]] == ["process stripe"]
    assert [other["id"] for other in found["same_event"]] == [first.id, again.id]


def test_one_delivery_is_explained_in_the_words_of_its_page(
    open_app: Application, caller: TestClient
) -> None:
    stack = (
        'Traceback (most recent call last):\n  File "/srv/shop/app.py", line 7, in charge\n    go()\nKeyError'
    )
    raised = {"exception.type": "KeyError", "exception.message": "1", "exception.stacktrace": stack}
    first = delivery(0, outcome="error", status=500, events=(SpanEvent("exception", TIME, raised),))
    keep(open_app, first, delivery(1, event_id="evt_0"), delivery(2, event_id="evt_0"))
    found = caller.get(f"/api/deliveries/{first.id}").json()
    assert found["headline"] == "Error: KeyError: 1"
    assert found["place"] == {"file": "/srv/shop/app.py", "line": 7, "function": "charge"}
    assert found["handled_by"] == delivery(1).id
    assert [(stage["name"], stage["state"]) for stage in found["stages"]] == [
        ("Verify", "none"),
        ("Claim", "none"),
        ("Handler", "bad"),
        ("Mark", "none"),
    ]
    assert "ran 2 times" in found["advice"]
    page = caller.get(f"/deliveries/{first.id}", headers={"Accept": "text/html"}).text
    for words in (found["headline"], found["detail"], found["advice"], found["stages"][2]["said"]):
        assert words in html.unescape(page)


@pytest.mark.parametrize(
    ("status_message", "raised", "told"),
    [
        ("", [], None),
        ("failed: no stock", [], "failed: no stock"),
        ("", [("shop.StoreError", "away")], "StoreError: away"),
        ("rejected: verifier_threw", [("ValueError", "boom")], "rejected: verifier_threw; ValueError: boom"),
        (
            "ValueError: boom",
            [("builtins.ValueError", "boom"), ("KeyError", "")],
            "ValueError: boom; KeyError",
        ),
    ],
)
def test_the_error_message_tells_every_exception_that_decided_something(
    status_message: str,
    raised: list[tuple[str, str]],
    told: str | None,
    open_app: Application,
    caller: TestClient,
) -> None:
    events = tuple(
        SpanEvent("exception", TIME, {"exception.type": kind, "exception.message": text})
        for kind, text in raised
    )
    one = delivery(0, status_message=status_message, events=events)
    keep(open_app, one)
    assert caller.get(f"/api/deliveries/{one.id}").json()["error_message"] == told


def test_attributes_of_ours_go_by_their_names_without_the_prefix(
    open_app: Application, caller: TestClient
) -> None:
    said = {"signature.kind": "authenticated", "idempotency.mode": "store", "nearest_route": "/hooks/stripe"}
    one = delivery(
        0, outcome="unrouted", attributes={f"outworx.webhook.{name}": value for name, value in said.items()}
    )
    keep(open_app, one)
    found = caller.get(f"/api/deliveries/{one.id}").json()
    assert {name: found[name] for name in said} == said
    page = caller.get("/api/deliveries?outcome=unrouted").json()
    assert [kept["id"] for kept in page["deliveries"]] == [one.id]


@pytest.mark.parametrize("id", ["nothing", "x" * 300, "%00", "a%0ab", "é", "' OR 1=1 --"])
def test_there_is_no_such_delivery(caller: TestClient, id: str) -> None:
    answer = caller.get(f"/api/deliveries/{id}")
    assert answer.status_code == 404
    assert "error" in answer.json()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (2**64 - 1, 2**64 - 1),
        (2**64, str(2**64)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (b"\x00\xff", "AP8="),
        (True, True),
        ([1, [float("nan")], {"a": b""}], [1, ["NaN"], {"a": ""}]),
        ({1: None}, {"1": None}),
    ],
)
def test_every_value_has_its_json(value: Any, expected: Any) -> None:
    assert json.loads(json.dumps(jsonable(value), allow_nan=False)) == expected


def test_deep_values_are_cut_off() -> None:
    value: Any = 1
    for _ in range(10_000):
        value = [value]
    assert "..." in json.dumps(jsonable(value))


def test_the_health_is_that_of_the_database(caller: TestClient, store: StagedStore) -> None:
    assert caller.get("/healthz").json() == {"status": "ok"}

    store.faults["healthy"] = StoreUnavailable("the disk is full: free some space")
    answer = caller.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "error": "the database cannot be used: see the log"}


@pytest.mark.parametrize("fault", [StoreUnavailable("the disk is full: free some space"), StoreBusy()])
def test_a_database_that_fails_is_a_503_that_says_when_to_come_again(
    caller: TestClient, store: StagedStore, fault: Exception
) -> None:
    store.faults |= {"deliveries": fault, "write": fault}
    answer = caller.get("/api/deliveries")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error"]
    sent = caller.post("/api/ingest", json={"events": [_event()]})
    assert (sent.status_code, bool(sent.json()["error"])) == (503, True)


def _event() -> dict[str, Any]:
    return {"provider": "stripe", "status_code": 200, "timestamp": "2026-11-07T16:18:42Z"}


def test_a_call_that_does_not_exist_is_told_in_json(caller: TestClient) -> None:
    assert caller.get("/api/nothing").json() == {"error": "Not Found"}
    assert caller.patch("/api/deliveries").json() == {"error": "Method Not Allowed"}
