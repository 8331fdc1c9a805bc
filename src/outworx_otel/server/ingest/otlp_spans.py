"""Turns OTLP's spans into what the store keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from opentelemetry.proto.trace.v1 import trace_pb2

from outworx_otel.server.ingest.otlp_parts import part_of
from outworx_otel.server.ingest.otlp_wire import Decoder, text
from outworx_otel.server.ingest.outcome import outcome_of
from outworx_otel.server.ingest.values import (
    attributes_of,
    column,
    columns,
    environment_of,
    fields_of,
    values_in,
)
from outworx_otel.server.model import Attributes, SpanEvent, SpanLink, SpanRecord, StoredDelivery

MAX_PARTS: Final = 10_000
_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)
_MAX_NS: Final = 2**63 - 1
_YEAR_2000_NS: Final = 946_684_800 * 10**9
_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")


class Sender(NamedTuple):
    """Whose spans they are."""

    resource: Attributes
    service: str
    environment: str | None


def sender_of(resource: Attributes) -> Sender:
    """Whom a resource names."""
    return Sender(resource, column(resource.get("service.name")) or "", environment_of(resource))


def problem_of(span: Any, size: int) -> str | None:
    """Returns why a span (of `otlp_wire`, encoded in so many bytes) cannot be kept, None if it can."""
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return "the trace id must be 16 bytes, not all zero"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return "the span id must be 8 bytes, not all zero"
    # Each has two bytes at least.
    if size > 2 * MAX_PARTS and max(len(span.attributes), len(span.events), len(span.links)) > MAX_PARTS:
        return f"it has more than {MAX_PARTS} attributes, events or links"
    return None


def delivery_of(span: Any, decoder: Decoder, of: Sender) -> StoredDelivery:
    """The delivery that a webhook span reports; attributes of the wrong type leave their column empty."""
    attributes = decoder.attributes(span.attributes)
    trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
    start_ns, duration_ns = _times(span)
    return StoredDelivery(
        **fields_of(columns(attributes) if decoder.odd else attributes),
        # The right half of a trace id is the random one, also where the left is empty or a time.
        id=trace_id[16:] + span_id,
        time_ns=start_ns,
        duration_ns=duration_ns,
        outcome=outcome_of(attributes),
        trace_id=trace_id,
        span_id=span_id,
        service=of.service,
        environment=of.environment,
        parent_span_id=_parent(span.parent_span_id),
        status_message=_status(span.status).message if span.status else "",
        attributes=attributes,
        resource=of.resource,
        events=_events(span, decoder) if span.events else (),
        links=_links(span, decoder) if span.links else (),
    )


def record_of(span: Any, decoder: Decoder, service: str, scope: str) -> SpanRecord:
    """Any other span."""
    start_ns, duration_ns = _times(span)
    status = _status(span.status)
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        name=column(text(span.name)) or "",
        time_ns=start_ns,
        duration_ns=duration_ns,
        parent_span_id=_parent(span.parent_span_id),
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "internal",
        service=service,
        scope=scope,
        error=status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        status_message=status.message,
        attributes=decoder.attributes(span.attributes),
        events=_events(span, decoder) if span.events else (),
        links=_links(span, decoder) if span.links else (),
    )


def _times(span: Any) -> tuple[int, int]:
    """The start, and how long it took.

    A clock that is wrong costs a span its time, not its place: the store puts that of the arrival. Then nobody knows
    how long it took either.
    """
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if _YEAR_2000_NS <= start_ns <= end_ns <= _MAX_NS:
        return start_ns, end_ns - start_ns
    return min(start_ns, _MAX_NS), 0


def _status(encoded: bytes) -> trace_pb2.Status:
    return part_of(trace_pb2.Status, encoded) or trace_pb2.Status()


def _parent(parent: bytes) -> str:
    return parent.hex() if len(parent) == 8 and parent != _NO_SPAN else ""


def _events(span: Any, decoder: Decoder) -> tuple[SpanEvent, ...]:
    # A time beyond 64 bits with a sign would not fit msgpack's readers: the span's end stands for it.
    latest = min(max(span.end_time_unix_nano, span.start_time_unix_nano), _MAX_NS)
    return tuple(
        SpanEvent(event.name, min(event.time_unix_nano, latest), _attributes(event, decoder))
        for event in _parts(trace_pb2.Span.Event, span.events, decoder)
    )


def _links(span: Any, decoder: Decoder) -> tuple[SpanLink, ...]:
    return tuple(
        SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link, decoder))
        for link in _parts(trace_pb2.Span.Link, span.links, decoder)
        if len(link.trace_id) == 16 and len(link.span_id) == 8
    )


def _parts(kind: Any, encoded: Sequence[bytes], decoder: Decoder) -> Iterator[Any]:
    """Those that can be read."""
    decoder.charge(len(encoded))
    for one in encoded:
        part = part_of(kind, one)
        if part is not None:
            yield part


def _attributes(part: Any, decoder: Decoder) -> Attributes:
    attributes = attributes_of(part.attributes)
    decoder.charge(values_in(attributes))
    return attributes
