"""Turns rows of the exporter's table into deliveries and other spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from outworx_otel.server.collected.typed_values import typed
from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.ingest.outcome import outcome_of
from outworx_otel.server.ingest.values import column, columns, environment_of, fields_of
from outworx_otel.server.model import SpanEvent, SpanLink, SpanRecord, StoredDelivery
from outworx_otel.server.store.places import PageStart

_MAX_NS: Final = 2**63 - 1
_KINDS: Final = frozenset({"internal", "server", "client", "producer", "consumer"})
_NANOSECONDS: Final = "toUnixTimestamp64Nano"

WHOLE: Final = ", ".join(
    (
        f"{_NANOSECONDS}(Timestamp)",
        *("TraceId", "SpanId", "ParentSpanId", "SpanName", "SpanKind", "ServiceName", "ScopeName"),
        *("ResourceAttributes", "SpanAttributes", "Duration", "StatusCode", "StatusMessage"),
        f"arrayMap(at -> {_NANOSECONDS}(at), Events.Timestamp)",
        *("Events.Name", "Events.Attributes", "Links.TraceId", "Links.SpanId", "Links.Attributes"),
    )
)
"""The columns of a whole row, as SQL, in the order of `SpanRow`."""


class SpanRow(NamedTuple):
    """A row; every text is bytes, since the collector passes on what is no UTF-8."""

    time_ns: int
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: bytes
    service: bytes
    scope: bytes
    resource: dict[bytes, bytes]
    attributes: dict[bytes, bytes]
    duration_ns: int
    status: bytes
    status_message: bytes
    event_times: Sequence[int]
    event_names: Sequence[bytes]
    event_attributes: Sequence[dict[bytes, bytes]]
    link_traces: Sequence[bytes]
    link_spans: Sequence[bytes]
    link_attributes: Sequence[dict[bytes, bytes]]


def id_of(trace_id: str, span_id: str) -> str:
    """A delivery's id: its trace's and its span's, by which the table is asked without looking through it."""
    return trace_id + span_id


def ids_of(id: str) -> tuple[str, str] | None:
    """The trace and the span of an id; None where it is none of this table."""
    is_one = len(id) == 48 and all(character in "0123456789abcdef" for character in id)
    return (id[:32], id[32:]) if is_one else None


def delivery_of(row: SpanRow) -> StoredDelivery:
    """The delivery that a row is. When its report arrived is not in the table."""
    attributes, resource = _typed(row.attributes), _typed(row.resource)
    trace_id, span_id = text_of(row.trace_id), text_of(row.span_id)
    delivery = StoredDelivery(
        **fields_of(columns(attributes)),
        id=id_of(trace_id, span_id),
        time_ns=row.time_ns,
        duration_ns=_duration(row),
        outcome=outcome_of(attributes),
        trace_id=trace_id,
        span_id=span_id,
        service=column(text_of(row.service)) or "",
        environment=environment_of(resource),
        parent_span_id=text_of(row.parent_span_id),
        status_message=text_of(row.status_message),
        attributes=attributes,
        resource=resource,
        events=_events(row),
        links=_links(row),
    )
    return msgspec.structs.replace(noted(delivery, row.time_ns), arrived_ns=None)


def record_of(row: SpanRow) -> SpanRecord:
    """The span that a row is, where it is no delivery."""
    kind = text_of(row.kind).lower().removeprefix("span_kind_")
    return SpanRecord(
        trace_id=text_of(row.trace_id),
        span_id=text_of(row.span_id),
        name=column(text_of(row.name)) or "",
        time_ns=row.time_ns,
        duration_ns=_duration(row),
        parent_span_id=text_of(row.parent_span_id),
        kind=kind if kind in _KINDS else "internal",
        service=column(text_of(row.service)) or "",
        scope=column(text_of(row.scope)) or "",
        # Older exporters write STATUS_CODE_ERROR.
        error=text_of(row.status).lower().endswith("error"),
        status_message=text_of(row.status_message),
        attributes=_typed(row.attributes),
        events=_events(row),
        links=_links(row),
    )


def text_of(raw: bytes) -> str:
    """A text, whatever its bytes are."""
    return raw.decode("utf-8", "replace")


def place_of(row: Sequence[Any]) -> PageStart:
    """The place of a row of a time and a number."""
    return PageStart(int(row[0]), int(row[1]))


def _typed(pairs: dict[bytes, bytes]) -> dict[str, Any]:
    return typed((text_of(name), text_of(value)) for name, value in pairs.items())


def _duration(row: SpanRow) -> int:
    # Of a clock that went back the exporter writes the difference without its sign.
    return row.duration_ns if row.duration_ns <= _MAX_NS - row.time_ns else 0


def _events(row: SpanRow) -> tuple[SpanEvent, ...]:
    each = zip(row.event_times, row.event_names, row.event_attributes, strict=True)
    return tuple(SpanEvent(text_of(name), time_ns, _typed(pairs)) for time_ns, name, pairs in each)


def _links(row: SpanRow) -> tuple[SpanLink, ...]:
    each = zip(row.link_traces, row.link_spans, row.link_attributes, strict=True)
    return tuple(SpanLink(text_of(trace), text_of(span), _typed(pairs)) for trace, span, pairs in each)
