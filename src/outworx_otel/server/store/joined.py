"""Reads what belongs to a delivery: spans of its trace, its deferred work, others of the same event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, or_, select

from outworx_otel.server.model import SpanRecord, StoredDelivery, Summary
from outworx_otel.server.problems.judging import event_of
from outworx_otel.server.store.delivery_pages import summaries
from outworx_otel.server.store.history import MAX_OF_AN_EVENT, MAX_SPANS_PER_TRACE
from outworx_otel.server.store.packing import facet_text, hashed, text, unpack
from outworx_otel.server.store.places import PageStart
from outworx_otel.server.store.schema import deliveries, details, facets, spans
from outworx_otel.server.store.statements import select_among

_TRACES_AT_ONCE: Final = 50
# Work that goes on has not gone wrong: it has no problem.
_UNHANDLED: Final = (
    "SELECT hash FROM events WHERE handled_ns IS NULL AND problem IS NOT NULL AND hash IN ({})"
)


def delivery_by_id(connection: Connection, id: str) -> StoredDelivery | None:
    """All of one."""
    of_it = select(deliveries.c.seq).where(deliveries.c.id == text(id, 200))
    seq = connection.execute(of_it).scalar_one_or_none()
    # Of a number PostgreSQL knows in which part it is; a join would ask all of them.
    detail = connection.execute(select(details.c.detail).where(details.c.seq == seq)).scalar_one_or_none()
    return None if detail is None else unpack(detail, StoredDelivery)


def traces_with_deliveries(connection: Connection, traces: Sequence[str]) -> set[str]:
    """Those of the traces that have a delivery."""
    d = deliveries.c
    found: set[str] = set()
    for start in range(0, len(traces), _TRACES_AT_ONCE):
        part = traces[start : start + _TRACES_AT_ONCE]
        # The half of a trace's id that its deliveries' ids begin with.
        of_each = [and_(d.id >= one[16:], d.id < one[16:] + "g", d.trace_id == one) for one in part]
        found.update(connection.execute(select(d.trace_id).where(or_(*of_each))).scalars())
    return found


def spans_of_trace(connection: Connection, trace_id: str) -> list[SpanRecord]:
    """In the order in which they began."""
    return _spans(connection, select(spans.c.detail).where(spans.c.trace_id == text(trace_id, 64)))


def deferred_of(connection: Connection, summary: Summary) -> list[SpanRecord]:
    """The `process` spans that are linked to a delivery."""
    linked = text(summary.trace_id + summary.span_id, 128)
    return _spans(connection, select(spans.c.detail).where(spans.c.delivery == linked)) if linked else []


def same_event(connection: Connection, summary: Summary) -> list[Summary]:
    """Deliveries of the same provider and event, or with the same key; oldest first."""
    d = deliveries.c
    query = select(d.time_ns, d.seq).join(facets, facets.c.id == d.facet)
    found: set[PageStart] = set()
    if (event_id := text(summary.event_id)) is not None:
        provider = or_(facets.c.provider == facet_text(summary.provider), facets.c.overflow)
        same = query.where(d.event_hash == hashed(event_id), d.event_id == event_id, provider)
        found |= _oldest(connection, same)
    if (key := text(summary.idempotency_key)) is not None:
        found |= _oldest(connection, query.where(d.key_hash == hashed(key), d.idempotency_key == key))
    return summaries(connection, sorted(found)[:MAX_OF_AN_EVENT])


def unhandled(connection: Connection, mark: str, of: Sequence[Summary]) -> set[str]:
    """The ids of those deliveries whose event went wrong and was not handled since."""
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for one in of:
        by_number[event_of(one)].append(one.id)
    found = select_among(connection, mark, _UNHANDLED, list(by_number))
    return {id for (number,) in found for id in by_number[number]}


def _oldest(connection: Connection, query: Select[Any]) -> set[PageStart]:
    ordered = query.order_by(deliveries.c.time_ns, deliveries.c.seq).limit(MAX_OF_AN_EVENT)
    return {PageStart(row[0], row[1]) for row in connection.execute(ordered).all()}


def _spans(connection: Connection, query: Select[Any]) -> list[SpanRecord]:
    packed = connection.execute(query.limit(MAX_SPANS_PER_TRACE)).scalars()
    return sorted((unpack(detail, SpanRecord) for detail in packed), key=lambda span: span.time_ns)
