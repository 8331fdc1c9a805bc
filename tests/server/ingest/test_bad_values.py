"""One value that cannot be read costs itself, and nothing else of its batch."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from support.exports import JSON, PROTOBUF, as_json, counter, span, traces

from .serving import Serving
from .test_events import EVENT, sent

# Bytes that stand for a text which is no UTF-8; of the same length, so that nothing else changes.
TEXT, BAD = b"SPOILT-TEXT", b"SPOI\xff\xfe\xc3-TXT"
SHOWN = "SPOI\ufffd\ufffd\ufffd-TXT"


def spoilt(request: Any) -> bytes:
    body = request.SerializeToString()
    assert TEXT in body
    return bytes(body.replace(TEXT, BAD))


@pytest.mark.parametrize(
    "place",
    [
        "a resource's attribute",
        "its name",
        "service",
        "scope",
        "span",
        "attribute",
        "in a list",
        "event",
        "status",
        "link",
    ],
)
def test_a_text_that_is_no_utf8_costs_itself_alone(server: Serving, place: str) -> None:
    text = TEXT.decode()
    bad, good = span(links=[{"trace_id": b"l" * 16, "span_id": b"s" * 8}]), span()
    request = traces([bad, good], service=text if place == "service" else "shop")
    resource_spans = request.resource_spans[0]
    made = resource_spans.scope_spans[0].spans[0]
    other = traces([span("SELECT", {})], scope="sqlalchemy").resource_spans[0].scope_spans[0]
    other.spans[0].trace_id = made.trace_id
    resource_spans.scope_spans.append(other)
    match place:
        case "a resource's attribute":
            resource_spans.resource.attributes.add(key="host.name").value.string_value = text
        case "its name":
            resource_spans.resource.attributes.add(key=text).value.int_value = 5
        case "scope":
            resource_spans.scope_spans[1].scope.name = text
        case "span":
            resource_spans.scope_spans[1].spans[0].name = text
        case "attribute":
            made.attributes.add(key="shop.name").value.string_value = text
        case "in a list":
            made.attributes.add(key="shop.names").value.array_value.values.add(string_value=text)
        case "event":
            made.events.add(name=text, time_unix_nano=made.start_time_unix_nano)
        case "status":
            made.status.message = text
        case "link":
            made.links[0].attributes.add(key="why").value.string_value = text
    answer = server.post("/v1/traces", spoilt(request), PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(server.deliveries()) == 2
    whole = server.client.get(f"/api/deliveries/{made.trace_id.hex()[16:]}{made.span_id.hex()}").text
    assert json.dumps(SHOWN, ensure_ascii=False)[1:-1] in json.dumps(json.loads(whole), ensure_ascii=False)
    assert len(server.spans(made.trace_id)) == 1


def test_a_metric_with_a_text_that_is_no_utf8_is_counted(server: Serving) -> None:
    request = counter(3, {"else": TEXT.decode()}, service=TEXT.decode())
    assert server.post("/v1/metrics", spoilt(request), PROTOBUF).status_code == 200
    assert server.client.get("/").status_code == 200
    assert counted(server) == 3


def counted(server: Serving) -> int:
    from outworx_otel.server.model import Filter

    return int(server.app._store.overview(0, 2**62, Filter()).counted)


HALVES = [rb"\ud800", rb"\udc00x", rb"\ud83d\u0041", b"\xff", b"\xed\xa0\x80"]


@pytest.mark.parametrize("bad", HALVES, ids=repr)
@pytest.mark.parametrize("place", ["resource", "attribute", "name", "status"])
def test_half_a_surrogate_pair_in_otlps_json_costs_itself_alone(
    server: Serving, place: str, bad: bytes
) -> None:
    text = TEXT.decode()
    one = span(attributes={text: 1} if place == "name" else {"x": text if place == "attribute" else ""})
    one.status.message = text if place == "status" else ""
    request = traces([one, span()], service=text if place == "resource" else "shop")
    answer = server.post("/v1/traces", as_json(request).replace(TEXT, bad), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert len(server.deliveries()) == 2


@pytest.mark.parametrize("bad", [*HALVES, rb"\u0000"], ids=repr)
@pytest.mark.parametrize("place", ["event_type", "request_body", "request_headers", "metadata", "provider"])
def test_half_a_surrogate_pair_in_the_older_batch_costs_itself_alone(
    server: Serving, place: str, bad: bytes
) -> None:
    value = (
        {"x": TEXT.decode(), TEXT.decode(): "x"}
        if place in ("request_headers", "metadata")
        else TEXT.decode()
    )
    body = json.dumps({"events": [{**EVENT, place: value}, EVENT]}).encode().replace(TEXT, bad)
    answer = server.post("/api/ingest", body, JSON)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 2})
    assert len(server.deliveries()) == 2
    assert len([one for one in server.deliveries() if one["provider"] == "stripe"]) >= 1


@pytest.mark.parametrize(
    "number", [b"NaN", b"-Infinity", b"1e400", b"1" + b"0" * 5000], ids=lambda n: repr(n[:9])
)
def test_numbers_that_json_does_not_know_are_named(server: Serving, number: bytes) -> None:
    body = json.dumps({"events": [{**EVENT, "metadata": {"x": TEXT.decode()}}, EVENT]}).encode()
    answer = server.post("/api/ingest", body.replace(b'"' + TEXT + b'"', number), JSON)
    assert answer.json() == {"success": True, "accepted": 2}
    request = as_json(traces([span(attributes={"x": TEXT.decode()})]))
    request = request.replace(b'{"stringValue": "' + TEXT + b'"}', b'{"doubleValue": ' + number + b"}")
    assert number in request
    assert server.post("/v1/traces", request, JSON).json() == {}
    assert len(server.deliveries()) == 3


@pytest.mark.parametrize(
    "bad",
    [
        {"key": 5, "value": {"stringValue": "x"}},
        {"key": "x", "value": {"intValue": "9" * 30}},
        {"key": "x", "value": {"intValue": [1]}},
        {"key": "x", "value": "text"},
        {"key": "x", "value": {"bytesValue": "no base64!"}},
        "no attribute",
        None,
    ],
    ids=str,
)
def test_an_attribute_of_the_wrong_type_costs_itself_alone(server: Serving, bad: Any) -> None:
    document = json.loads(as_json(traces([span(), span()])))
    for holder in (
        document["resourceSpans"][0]["resource"],
        document["resourceSpans"][0]["scopeSpans"][0]["spans"][0],
    ):
        holder["attributes"].insert(0, bad)
    answer = server.post("/v1/traces", json.dumps(document).encode(), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert [one["service.name"] for one in server.deliveries()] == ["shop", "shop"]
    assert [one["provider"] for one in server.deliveries()] == ["stripe", "stripe"]


def test_what_is_nested_too_deep_costs_itself_alone(server: Serving) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    body = json.dumps({"events": [{**EVENT, "request_body": TEXT.decode()}, EVENT]}).encode()
    answer = server.post("/api/ingest", body.replace(b'"' + TEXT + b'"', deep), JSON)
    assert answer.json() == {"success": True, "accepted": 2}
    request = as_json(traces([span(attributes={"x": TEXT.decode()}), span()]))
    value = b'{"arrayValue":{"values":[' * 3000 + b"]}}" * 3000
    answer = server.post("/v1/traces", request.replace(b'{"stringValue": "' + TEXT + b'"}', value), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert len(server.deliveries()) == 4


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 5), (0, 0), (2**64 - 1, 1), (2**63, 2**64 - 1), (1, 2**62), (5, 2**63)],
)
@pytest.mark.parametrize("format", [PROTOBUF, JSON], ids=["protobuf", "json"])
def test_a_time_that_cannot_be_costs_no_delivery(
    server: Serving, start: int, end: int, format: dict[str, str]
) -> None:
    made = span(start_ns=start, end_time_unix_nano=end)
    made.events.add(name="exception", time_unix_nano=2**64 - 1)
    request = traces([made])
    body = request.SerializeToString() if format is PROTOBUF else as_json(request)
    assert server.post("/v1/traces", body, format).status_code == 200
    kept = server.delivery()
    # It has the time of its arrival, and nobody knows how long it took.
    assert kept["time"] > "2026"
    assert kept["duration"] == 0


def test_the_answer_of_a_key_is_kept_whatever_its_text(server: Serving) -> None:
    def call(name: str, body: bytes) -> Any:
        answer = server.post(f"/api/sdk/idempotency/{name}", body, JSON)
        assert answer.status_code == 200, answer.text
        return answer.json()

    keys = [rb"a\ud800", rb"a\ud801", b"a\xff", b"a\xfe"]
    for key in keys:
        # None of them is another one's.
        assert call("check", b'{"key": "%s"}' % key)["status"] == "new"
    for key in keys:
        done = b'{"key": "%s", "response_status_code": 200, "response_body": "done \\udfff \xff"}' % key
        assert call("complete", done) == {"ok": True}
        again = call("check", b'{"key": "%s"}' % key)
        assert (again["status"], again["cached_body"]) == ("duplicate", "done \ufffd \ufffd")
        assert base64.b64decode(again["body_base64"]).decode() == "done \ufffd \ufffd"


def test_json_that_is_none_is_refused_as_before(shared: Serving) -> None:
    for body in (b'{"key": "\xff"', b'["\xff"]', b"\xff"):
        assert shared.post("/api/sdk/idempotency/check", body, JSON).status_code == 400
        assert shared.post("/api/ingest", body, JSON).status_code == 400
        assert shared.post("/v1/traces", body, JSON).status_code == 400


def test_a_token_that_no_database_takes_is_refused(shared: Serving) -> None:
    for token in (r"a\u0000b", r"a\ud800", r"a\n"):
        body = b'{"key": "k", "token": "%s"}' % token.encode()
        assert shared.post("/api/sdk/idempotency/check", body, JSON).status_code == 400


def test_the_batch_of_the_older_sdk_still_says_what_it_could_not_use(server: Serving) -> None:
    answer = sent(server, EVENT, {**EVENT, "status_code": "x\ud800"})
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
