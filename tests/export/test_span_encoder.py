"""The bytes that are sent are those of the SDK's own encoder, whatever a span holds."""

from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from outworx_otel.export.span_encoder import SpanEncoder

# One for all examples: what it remembers of one must not show in the next.
ENCODER = SpanEncoder()

# Few names and values that compare as equal, so that they meet; and long ones, for lengths of two and three bytes.
NAMES = st.sampled_from(["a", "ä", "outworx.webhook.route", "n" * 200]) | st.text(max_size=8)
TEXTS = st.sampled_from(["", "1", "x" * 125, "x" * 126, "ü" * 64, "y" * 1100, "z" * 17_000]) | st.text(
    max_size=20
)
INTEGERS = st.sampled_from([0, 1, 2, 127, 128, 200, 1023, 1024, -1, 2**63 - 1, -(2**63)]) | st.integers(
    -(2**63), 2**63 - 1
)
PLAIN = st.none() | st.booleans() | TEXTS | INTEGERS | st.floats() | st.binary(max_size=200)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
RESOURCE = Resource({})
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=6)
TIMES = st.integers(0, 2**63)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.just(TraceFlags(TraceFlags.SAMPLED)),
    trace_state=st.sampled_from([None, TraceState(), TraceState([("a", "b"), ("c", "d,e")])]),
)
RESOURCES = st.builds(
    Resource,
    ATTRIBUTES.map(lambda found: found | {"service.name": "shop"}),
    st.sampled_from([None, "https://x"]),
)
SCOPES = st.none() | st.builds(
    InstrumentationScope,
    st.sampled_from(["outworx_otel", ""]),
    st.sampled_from([None, "1.0"]),
    st.sampled_from([None, "https://y"]),
)


@st.composite
def batches(draw: st.DrawFn) -> list[ReadableSpan]:
    resources = draw(st.lists(RESOURCES, min_size=1, max_size=2, unique_by=hash))
    scopes = draw(st.lists(SCOPES, min_size=1, max_size=2, unique=True))
    return draw(
        st.lists(
            st.builds(made, st.sampled_from(resources), st.sampled_from(scopes), st.data()),
            min_size=1,
            max_size=3,
        )
    )


def made(resource: Resource, scope: InstrumentationScope | None, data: st.DataObject) -> ReadableSpan:
    draw = data.draw
    return ReadableSpan(
        name=draw(TEXTS),
        context=draw(CONTEXTS),
        parent=draw(st.none() | CONTEXTS),
        resource=resource,
        attributes=draw(ATTRIBUTES),
        events=draw(st.lists(st.builds(Event, TEXTS, ATTRIBUTES, TIMES), max_size=2)),
        links=draw(st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=2)),
        kind=draw(st.sampled_from(SpanKind)),
        status=draw(
            st.builds(Status, st.sampled_from(StatusCode))
            | TEXTS.map(lambda text: Status(StatusCode.ERROR, text))
        ),
        start_time=draw(TIMES),
        end_time=draw(TIMES),
        instrumentation_scope=scope,
    )


@given(batches())
def test_every_span_is_written_as_the_sdk_writes_it(spans: list[ReadableSpan]) -> None:
    sent = ENCODER.encode(spans)

    expected = encode_spans(spans)
    assert ExportTraceServiceRequest.FromString(sent).SerializeToString(deterministic=True) == (
        expected.SerializeToString(deterministic=True)
    )


def span(attributes: Mapping[str, Any]) -> ReadableSpan:
    return ReadableSpan(
        name="webhook stripe",
        context=SpanContext(1, 2, is_remote=False),
        resource=RESOURCE,
        attributes=attributes,
        start_time=1,
        end_time=2,
    )


@pytest.mark.parametrize(
    "value",
    [2**63, "half a \ud83d pair", object(), ["fine", "\ud83d"], {"key": 2**64}],
    ids=["too large", "surrogate", "object", "surrogate in a list", "too large in a mapping"],
)
def test_what_cannot_be_written_costs_that_attribute_alone(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    bad = span({"before": 1, "bad": value, "after": "x"})

    request = ExportTraceServiceRequest.FromString(SpanEncoder().encode([bad, span({"other": True})]))

    first, second = (
        {pair.key for pair in one.attributes}
        for group in request.resource_spans
        for one in group.scope_spans[0].spans
    )
    assert first == {"before", "after"}
    assert second == {"other"}


def test_a_value_that_equals_another_type_s_is_not_taken_for_it() -> None:
    encoder = SpanEncoder()

    for value in (True, 1, 1.0, "1", ("1",), (1,), (True,), False, 0, 0.0, 2, 2.0, (2,), (2.0,)):
        spans = [span({"value": value})]
        assert encoder.encode(spans) == encode_spans(spans).SerializeToString(), value


@pytest.mark.parametrize("many", ["names", "values", "values in lists"])
def test_what_is_remembered_is_bounded(many: str) -> None:
    encoder = SpanEncoder()
    encoder.encode([span({"warm": "up"})])
    tracemalloc.start()
    try:
        for start in range(0, 5_000, 1_000):
            texts = [f"{number:050}" for number in range(start, start + 1_000)]
            if many == "names":
                encoder.encode([span(dict.fromkeys(texts, "value"))])
            else:
                encoder.encode([span({"id": (text,) if "lists" in many else text}) for text in texts])
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()
