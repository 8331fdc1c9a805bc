"""Attributes are strangers' input: any name may come with any type, length and depth."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from support.exports import PROTOBUF, WEBHOOK, span, traces

from outworx_otel.server.ingest.span_sorting import sort
from outworx_otel.server.model import StoredDelivery
from outworx_otel.telemetry import semconv

from .serving import Serving

NAMES = sorted(value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str))
WRONG: tuple[Any, ...] = (
    None,
    7,
    -(2**63),
    2**63 - 1,
    True,
    1.5,
    float("nan"),
    float("-inf"),
    b"\xff\x00",
    "",
    "\0 and \u202e",
    "<script>alert(1)</script>",
    "x" * 100_000,
    "\U0001f600" * 5000,
    [],
    [1, "two", None, [3.0, {"four": b"5"}]],
    {},
    {"a": {"b": [True, None]}},
)


def delivery(attributes: dict[str, Any], service: Any = "shop") -> StoredDelivery:
    (found,) = sort(
        traces([span(attributes=attributes)], service=service).SerializeToString()
    ).batch.deliveries
    return found


def test_an_unknown_method_is_kept_as_it_came() -> None:
    assert (
        delivery({semconv.HTTP_METHOD: "_OTHER", semconv.HTTP_METHOD_ORIGINAL: "REPORT"}).method == "REPORT"
    )


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: repr(value)[:20])
def test_every_attribute_may_have_any_type(server: Serving, wrong: Any) -> None:
    request = traces([span(attributes=dict.fromkeys(NAMES, wrong))], service=wrong)
    assert server.post("/v1/traces", request.SerializeToString(), PROTOBUF).status_code == 200
    kept = server.delivery()
    json.dumps(kept, allow_nan=False)
    for name in NAMES:
        msgspec.msgpack.decode(
            msgspec.msgpack.encode(delivery({name: wrong}, service=wrong)), type=StoredDelivery
        )


def test_what_has_no_json_is_told_by_name_or_as_base64() -> None:
    assert delivery(
        {"a": [float("nan"), float("inf"), float("-inf"), b"\xff", None, {"k": 1.5}]}
    ).attributes == {"a": ["NaN", "Infinity", "-Infinity", "/w==", None, {"k": 1.5}]}


def test_columns_are_bounded_and_the_exact_value_is_kept() -> None:
    long = "\U0001f600" * 5000
    kept = delivery({**WEBHOOK, semconv.EVENT_ID: long, semconv.URL_PATH: "a\0b"})
    assert kept.event_id == "\U0001f600" * 256
    assert kept.path == "a\ufffdb"
    assert kept.attributes[semconv.EVENT_ID] == long
    assert kept.attributes[semconv.URL_PATH] == "a\0b"


def test_numbers_stand_for_text_and_never_the_other_way_round() -> None:
    kept = delivery({semconv.EVENT_ID: 42, semconv.HTTP_STATUS: "200", semconv.HTTP_BODY_SIZE: 2**62})
    assert kept.event_id == "42"
    assert kept.status is None
    assert kept.body_size == 2**31 - 1


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    twice = span(attributes={semconv.PROVIDER: "stripe"})
    twice.attributes.add(key=semconv.PROVIDER).value.string_value = "github"
    (kept,) = sort(traces([twice]).SerializeToString()).batch.deliveries
    assert kept.provider == "github"


def nested(depth: int) -> bytes:
    """A request in bytes, as no library would write it: a list in a list in a list."""
    value = b""
    for _ in range(depth):
        value = _field(5, _field(1, value))
    made = span(attributes={})
    body = made.SerializeToString() + _field(9, _field(1, b"deep") + _field(2, value))
    scope_spans = _field(1, _field(1, b"outworx_otel")) + _field(2, body)
    return _field(1, _field(2, scope_spans))


def _field(number: int, content: bytes) -> bytes:
    length, left = b"", len(content)
    while left > 127:
        length += bytes([left & 127 | 128])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


@pytest.mark.parametrize(("depth", "kept"), [(1, True), (40, True), (60, False), (10_000, False)])
def test_what_is_nested_deeper_than_protobuf_goes_costs_its_attribute_alone(
    server: Serving, depth: int, kept: bool
) -> None:
    answer = server.post("/v1/traces", nested(depth), PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (server.delivery()["deep"] is not None) == kept
    unknown = b'{"nobody knows": %s}' % (b"[" * depth + b"]" * depth)
    answer = server.post("/v1/traces", unknown, {"content-type": "application/json"})
    assert answer.status_code == 200
