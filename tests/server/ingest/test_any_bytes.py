"""Whatever strangers send: never a 500, and what is acknowledged is there."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exports import JSON, PROTOBUF, WEBHOOK, as_json, counter, span, traces

from outworx_otel.telemetry import semconv

from .serving import Serving
from .test_events import EVENT

ATTRIBUTES = sorted(
    value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)
)
TELEMETRY = ("/v1/traces", "/v1/metrics", "/api/ingest/v1/traces", "/api/ingest/v1/metrics")
SDK = tuple(f"/api/sdk/idempotency/{name}" for name in ("check", "complete", "release", "renew"))
EXAMPLES = 500 if os.environ.get("OUTWORX_TEST_FULL") == "1" else 30

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=50)
    | st.binary(max_size=50)
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)
keys = st.sampled_from(sorted(EVENT)) | st.text(max_size=10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One for all examples."""
    path: Path = tmp_path_factory.mktemp("fuzzed") / "deliveries.db"
    started = Serving(path)
    yield started
    started.stop()


def damaged(body: bytes, cuts: list[tuple[int, bytes]]) -> bytes:
    """With some bytes written over at some places."""
    changed = bytearray(body)
    for place, patch in cuts:
        at = place % (len(changed) + 1)
        changed[at : at + len(patch)] = patch
    return bytes(changed)


cuts = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=6)), max_size=6)


@settings(max_examples=EXAMPLES)
@given(
    path=st.sampled_from((*TELEMETRY, "/api/ingest", *SDK)),
    body=st.binary(max_size=300),
    format=st.sampled_from((PROTOBUF, JSON, {"content-type": "text/html"}, {})),
    encoding=st.sampled_from(("", "gzip", "deflate", "br", "identity")),
    zips=st.booleans(),
)
def test_random_bytes(
    server: Serving, path: str, body: bytes, format: dict[str, str], encoding: str, zips: bool
) -> None:
    sent = gzip.compress(body) if zips else body
    answer = server.post(path, sent, format, {"content-encoding": encoding} if encoding else {})
    assert answer.status_code in (200, 400, 415)


@settings(max_examples=EXAMPLES)
@given(cuts=cuts, path=st.sampled_from(TELEMETRY), zips=st.booleans())
def test_damaged_protobuf(server: Serving, cuts: list[tuple[int, bytes]], path: str, zips: bool) -> None:
    whole = counter(1, cumulative=True) if path.endswith("metrics") else traces([span(), span()])
    body = damaged(whole.SerializeToString(), cuts)
    headers = {"content-encoding": "gzip"} if zips else {}
    answer = server.post(path, damaged(gzip.compress(body), cuts[:1]) if zips else body, PROTOBUF, headers)
    assert answer.status_code in (200, 400)


@settings(max_examples=EXAMPLES)
@given(cuts=cuts, path=st.sampled_from(TELEMETRY))
def test_damaged_json(server: Serving, cuts: list[tuple[int, bytes]], path: str) -> None:
    whole = counter(1) if path.endswith("metrics") else traces([span()])
    assert server.post(path, damaged(as_json(whole), cuts), JSON).status_code in (200, 400)


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_json_with_anything_in_any_place(server: Serving, data: st.DataObject) -> None:
    document = json.loads(as_json(traces([span(links=[{"trace_id": b"l" * 16, "span_id": b"s" * 8}])])))
    place: Any = document
    while True:
        inner = list(place.items()) if isinstance(place, dict) else list(enumerate(place))
        key, value = data.draw(st.sampled_from(inner))
        if not value or not isinstance(value, dict | list) or data.draw(st.booleans()):
            break
        place = value
    place[key] = data.draw(json_values)
    answer = server.post("/v1/traces", json.dumps(document).encode("utf-8", "replace"), JSON)
    assert answer.status_code in (200, 400)


@settings(max_examples=EXAMPLES)
@given(
    attributes=st.dictionaries(st.sampled_from(ATTRIBUTES) | st.text(max_size=20), values, max_size=12),
    service=values,
    message=st.text(max_size=50),
    start=st.integers(0, 2**64 - 1) | st.integers(0, 2**63 - 1),
    end=st.integers(0, 2**64 - 1),
    format=st.sampled_from((PROTOBUF, JSON)),
)
def test_an_acknowledged_delivery_is_there_whatever_it_says(
    server: Serving,
    attributes: dict[str, Any],
    service: Any,
    message: str,
    start: int,
    end: int,
    format: dict[str, str],
) -> None:
    made = span(attributes={**WEBHOOK, **attributes}, start_ns=start, end_time_unix_nano=end)
    made.status.message = message
    made.events.add(name=message, time_unix_nano=end)
    request = traces([made], service=service)
    body = request.SerializeToString() if format is PROTOBUF else as_json(request)
    answer = server.post("/v1/traces", body, format)
    assert answer.status_code == 200
    assert b"rejected" not in answer.content
    kept = server.client.get(f"/api/deliveries/{made.trace_id.hex()[16:]}{made.span_id.hex()}")
    assert kept.status_code == 200
    assert kept.json()["trace_id"] == made.trace_id.hex()


@settings(max_examples=EXAMPLES)
@given(
    events=st.lists(
        st.dictionaries(keys, json_values, max_size=6).map(lambda odd: {**EVENT, **odd}) | json_values
    ),
)
def test_events_of_any_kind_are_kept_or_told(server: Serving, events: list[Any]) -> None:
    body = json.dumps({"events": events}).encode("utf-8", "replace")
    answer = server.post("/api/ingest", body, JSON)
    assert answer.status_code == 200
    said = answer.json()
    assert said["accepted"] + said.get("rejected", 0) == len(events)


@settings(max_examples=EXAMPLES)
@given(
    path=st.sampled_from(SDK),
    document=st.dictionaries(
        st.sampled_from(
            (
                "key",
                "token",
                "ttl",
                "lease",
                "response_status_code",
                "response_body",
                "headers",
                "body_base64",
            )
        ),
        json_values,
    )
    | json_values,
    key=st.text(min_size=1, max_size=20),
)
def test_idempotency_calls_with_anything(server: Serving, path: str, document: Any, key: str) -> None:
    if isinstance(document, dict):
        document.setdefault("key", key)
    body = json.dumps(document).encode("utf-8", "replace")
    assert server.post(path, body, JSON).status_code in (200, 400)
