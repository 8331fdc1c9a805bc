"""What strangers and applications write is bounded in bytes, names included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Link, SpanContext, TraceState

from outworx_otel.export.sizes import size_of_resource, size_of_span
from outworx_otel.http.headers import Headers
from outworx_otel.telemetry import Mark, Record
from outworx_otel.telemetry.redaction import MAX_NAME, Redactor, cut

from .conftest import Scene

Make = Callable[..., Record]


@pytest.mark.parametrize("length", [MAX_NAME + 1, 600_000])
def test_a_header_whose_name_is_too_long_is_left_out_and_counted(
    length: int, record: Make, scene: Scene
) -> None:
    headers = [("x" * length, "1"), ("é" * length, "1"), ("x-short", "1"), ("y" * MAX_NAME, "1")]
    span = scene.deliver(record(headers, capture_headers=True, status=200))
    attributes = span.attributes or {}
    shown = [name for name in attributes if name.startswith("http.request.header.")]
    assert shown == ["http.request.header.x-short", "http.request.header." + "y" * MAX_NAME]
    assert attributes["outworx.webhook.headers_omitted"] == 2


def test_long_names_do_not_take_the_place_of_others(record: Make, scene: Scene) -> None:
    headers = [(f"{n:0200}", "1") for n in range(100)] + [(f"x-{n}", "1") for n in range(32)]
    span = scene.deliver(record(headers, capture_headers=True, status=200))
    attributes = span.attributes or {}
    assert sum(name.startswith("http.request.header.x-") for name in attributes) == 32
    assert attributes["outworx.webhook.headers_omitted"] == 100


def test_a_metadata_entry_whose_name_is_too_long_is_left_out_and_counted(record: Make, scene: Scene) -> None:
    marked = Mark("completed", None, {"k" * 600_000: 1, "fine": 2, **{f"m{n}": n for n in range(40)}}, 1)
    given = record(metadata={"o" * 129: 1, "team": "pay"}, mark=marked, processing="completed", status=200)
    attributes = scene.deliver(given).attributes or {}
    kept = [name for name in attributes if name.startswith("outworx.webhook.metadata.")]
    assert len(kept) == 33
    assert {"outworx.webhook.metadata.team", "outworx.webhook.metadata.fine"} <= set(kept)
    assert attributes["outworx.webhook.metadata_omitted"] == 1 + 1 + 9


@pytest.mark.parametrize("sign", ["x", "é", "漢", "\U0001f600", "\ud800"])
def test_no_value_of_a_strangers_is_longer_in_bytes_than_in_its_bound(
    sign: str, record: Make, scene: Scene
) -> None:
    text = sign * 70_000
    given = record(
        [("x-a", text)],
        path=f"/{text}",
        method=text,
        capture_headers=True,
        event_type=text,
        event_id=text,
        metadata={"a": text},
        mark=Mark("failed", text, None, 1),
        processing="failed",
        outcome="failed",
        status=200,
    )
    span = scene.deliver(given)
    for name, value in (span.attributes or {}).items():
        (shown,) = value if isinstance(value, tuple) else (value,)
        assert not isinstance(shown, str) or len(shown.encode("utf-8", "replace")) <= 2048, name
    assert len(encode_spans([span]).SerializeToString()) < 16_000


@pytest.mark.parametrize("text", ["", "abc", "é" * 9, "漢字" * 4, "a\ud800b", "\U0001f600" * 3])
@pytest.mark.parametrize("limit", [0, 1, 5, 8, 100])
def test_a_cut_is_valid_text_of_so_many_bytes_and_as_long_as_can_be(text: str, limit: int) -> None:
    whole = text.encode("utf-8", "replace")
    found = cut(text, limit).encode()
    assert whole.startswith(found)
    assert min(len(whole), limit) - 3 <= len(found) <= limit


def test_a_redactor_remembers_no_more_names_than_it_has_room_for() -> None:
    redactor = Redactor()
    for n in range(3000):
        redactor.add_headers({}, {f"x-{n:0100}": "1", f"y-{n}": "1"})
    assert sum(map(len, redactor._names)) <= 16_384
    attributes: dict[str, Any] = {}
    redactor.add_headers(attributes, {"x-new": "1", "x-api-key": "s3cret"})
    assert attributes == {
        "http.request.header.x-new": ("1",),
        "http.request.header.x-api-key": ("[redacted]",),
    }


def test_headers_show_few_names_and_no_values() -> None:
    shown = repr(Headers([("n" * 600_000, "secret"), *((f"x-{n}", "secret") for n in range(5000))]))
    assert len(shown) < 4000
    assert "secret" not in shown


def ended(resource: Resource | None = None, **parts: Any) -> ReadableSpan:
    provider = TracerProvider(resource=resource or Resource({}), shutdown_on_exit=False)
    context = SpanContext(1, 2, is_remote=True, trace_state=TraceState(parts.pop("state", [])))
    links = [Link(context, attributes) for attributes in parts.pop("links", [])]
    span = provider.get_tracer("outworx_otel").start_span("webhook x", links=links, **parts)
    for name in parts.get("attributes", {}):
        span.add_event(name[:50], parts["attributes"])
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.parametrize(
    "parts",
    [
        {"attributes": {"k" * 100_000: 1}},
        {"attributes": {"é" * 50_000: "漢" * 50_000}},
        {"attributes": {f"http.request.header.n{n}": ("v" * 80, "w") for n in range(60)}},
        {"attributes": {"flags": (True, False) * 200, "numbers": (1.5,) * 300}},
        {"links": [{"k" * 20_000: "é" * 20_000}] * 3, "state": [("a", "b" * 200)]},
        {"resource": Resource({"r" * 30_000: "é" * 30_000})},
        {"attributes": {"lone": "\ud800" * 10_000}},
    ],
)
def test_the_estimate_counts_names_events_links_and_resource_in_bytes(parts: dict[str, Any]) -> None:
    span = ended(**parts)
    estimated = size_of_span(span) + size_of_resource(span)
    if "lone" in parts.get("attributes", {}):
        assert estimated > 10_000  # it cannot be encoded at all
        return
    encoded = len(encode_spans([span]).SerializeToString())
    assert 0.8 * encoded < estimated < 1.5 * encoded
