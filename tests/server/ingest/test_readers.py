"""What reads the usual form of OTLP quickly reads the same as protobuf does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from starlette.exceptions import HTTPException
from support.exports import WEBHOOK, as_json, span, traces

from outworx_otel.server.ingest import otlp_format, otlp_json
from outworx_otel.server.ingest.short_attributes import short_attribute
from outworx_otel.server.ingest.span_sorting import SortedSpans, TooManySpans, sort
from outworx_otel.server.ingest.values import plain
from outworx_otel.telemetry import semconv

_TEXTS = st.one_of(st.text(max_size=8), st.text(min_size=110, max_size=140, alphabet="ax\0ü"))
_VALUES = st.recursive(
    st.one_of(
        st.builds(AnyValue, string_value=_TEXTS),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, int_value=st.integers(0, 20_000)),
        st.builds(AnyValue, double_value=st.floats()),
        st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
        st.builds(AnyValue),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: AnyValue(array_value=ArrayValue(values=items))),
        st.lists(st.builds(KeyValue, key=_TEXTS, value=inner), max_size=3).map(
            lambda items: AnyValue(kvlist_value=KeyValueList(values=items))
        ),
    ),
    max_leaves=4,
)
_PAIRS = st.builds(KeyValue, key=_TEXTS, value=st.one_of(st.none(), _VALUES))


def read_by_protobuf(encoded: bytes) -> tuple[str, Any]:
    pair = KeyValue.FromString(encoded)
    return pair.key, plain(pair.value)


@given(_PAIRS)
def test_an_attribute_is_what_protobuf_reads(pair: KeyValue) -> None:
    encoded = pair.SerializeToString()
    assert short_attribute(encoded) in (None, read_by_protobuf(encoded))


@given(_PAIRS, st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=2)), min_size=1, max_size=3))
def test_bytes_that_are_nearly_an_attribute_are_read_as_protobuf_does_or_left_to_it(
    pair: KeyValue, changes: list[tuple[int, bytes]]
) -> None:
    encoded = pair.SerializeToString()
    for place, put in changes:
        at = place % (len(encoded) + 1)
        encoded = encoded[:at] + put + encoded[at + 1 :]
    found = short_attribute(encoded)
    assert found is None or found == read_by_protobuf(encoded)


@pytest.mark.parametrize("value", ["charge.succeeded", "", True, False, 0, 200, 1450, 0.25, "ü" * 60])
def test_the_usual_attributes_are_not_left_to_protobuf(value: Any) -> None:
    told = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(value)]
    pair = KeyValue(key="outworx.webhook.event.type", value=AnyValue(**{told: value}))
    assert short_attribute(pair.SerializeToString()) == ("outworx.webhook.event.type", value)


# What stands in a document, right and wrong.
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.text(max_size=4),
    st.just([]),
    st.just({}),
)


def _mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 30).flatmap(lambda chance: usual if chance else _ODD)


def _some(
    always: dict[str, st.SearchStrategy[Any]] | None = None, **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    optional = {name: _mostly(one) for name, one in fields.items()}
    return st.fixed_dictionaries(always or {}, optional=optional)


_WHOLES = st.one_of(
    st.integers(-(2**65), 2**65),
    st.integers(0, 300).map(str),
    st.integers(-(2**63), 2**64).map(str),
    st.sampled_from(["", "1_0", " 1", "+1", "٣", "1.0", "1e2", "-", "007"]),
    st.just(5.0),
)
_TIMES = st.one_of(st.integers(1_700_000_000 * 10**9, 2**63).map(str), _WHOLES)
_JSON_VALUES = st.recursive(
    st.one_of(
        _some(stringValue=st.text(max_size=5)),
        _some(boolValue=st.booleans()),
        _some(intValue=_WHOLES),
        _some(
            doubleValue=st.one_of(st.floats(), st.integers(), st.sampled_from(["NaN", "-Infinity", "1.5"]))
        ),
        _some(bytesValue=st.sampled_from(["AQI=", "AQI", "-_8"])),
        _some(stringValue=st.text(max_size=5), intValue=_WHOLES),
    ),
    lambda inner: st.one_of(
        _some(arrayValue=_some(values=st.lists(inner, max_size=2))),
        _some(kvlistValue=_some(values=st.lists(_some(key=st.text(max_size=3), value=inner), max_size=2))),
    ),
    max_leaves=3,
)
_NAMES = st.sampled_from([semconv.PROVIDER, semconv.EVENT_ID, semconv.HTTP_STATUS, "x", "\ud800"])
_ATTRIBUTES = st.lists(_some(key=_NAMES, value=_JSON_VALUES), max_size=3)
_IDS = st.sampled_from(["ab" * 16, "AB" * 8, "ab" * 8, "no", "", "0" * 32, "a b c", "ü"])
_COUNTS = st.one_of(st.integers(-1, 2**32), st.just("3"))
_SPANS = st.lists(
    _some(
        {
            "traceId": st.one_of(st.just("ab" * 16), _IDS),
            "spanId": st.one_of(st.just("cd" * 8), _IDS),
            "name": st.sampled_from(["webhook stripe", "process", "GET"]),
        },
        parentSpanId=_IDS,
        trace_id=_IDS,
        traceState=st.text(max_size=3),
        flags=_COUNTS,
        kind=st.one_of(st.integers(-1, 7), st.sampled_from(["SPAN_KIND_SERVER", "3", "SPAN_KIND_X"])),
        startTimeUnixNano=_TIMES,
        endTimeUnixNano=_TIMES,
        attributes=_ATTRIBUTES,
        droppedAttributesCount=_COUNTS,
        events=st.lists(
            _some(timeUnixNano=_TIMES, name=st.text(max_size=3), attributes=_ATTRIBUTES), max_size=2
        ),
        links=st.lists(_some(traceId=_IDS, spanId=_IDS, flags=_COUNTS, attributes=_ATTRIBUTES), max_size=2),
        status=_some(
            message=st.text(max_size=3),
            code=st.one_of(st.integers(-1, 4), st.sampled_from(["STATUS_CODE_ERROR", "X"])),
        ),
    ),
    max_size=3,
)
_SCOPES = _some(
    {"scope": _some({"name": st.just(semconv.SCOPE)}, version=st.text(max_size=2)), "spans": _SPANS}
)
_RESOURCES = _some({"scopeSpans": st.lists(_SCOPES, max_size=2)}, resource=_some(attributes=_ATTRIBUTES))
_DOCUMENTS = _mostly(st.fixed_dictionaries({"resourceSpans": st.lists(_RESOURCES, max_size=2)}))


def sorted_by_protobuf(document: bytes) -> SortedSpans | None:
    try:
        request = otlp_format.decode(document, otlp_format.JSON, ExportTraceServiceRequest())
    except HTTPException:
        return None
    return sort(request.SerializeToString())


@given(_DOCUMENTS)
def test_a_document_is_what_protobuf_reads_or_left_to_it(document: Any) -> None:
    body = json.dumps(document).encode()
    encoded = otlp_json.encoded_traces(body)
    assert encoded is None or sort(encoded) == sorted_by_protobuf(body)


def test_a_usual_document_is_not_left_to_protobuf() -> None:
    body = as_json(traces([span(attributes={**WEBHOOK, "list": ["a", 1], "no": False, "half": 0.5})]))
    encoded = otlp_json.encoded_traces(body)
    assert encoded is not None
    found = sort(encoded)
    assert found == sorted_by_protobuf(body)
    assert len(found.batch.deliveries) == 1


def test_more_spans_than_may_be_are_refused_before_they_are_encoded() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}' % b",".join([b"{}"] * 50_001)
    with pytest.raises(TooManySpans):
        otlp_json.encoded_traces(body)
