"""Removes deliveries because somebody asks to, with everything that is kept of them. Figures stay: they are numbers.

Whoever keeps something else of a delivery, in a table of its own, removes it in `erase`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, delete, func, or_, select, update

from outworx_otel.idempotency import hashed_key
from outworx_otel.server.store.claims import SCOPE, claims
from outworx_otel.server.store.packing import facet_text, hashed, text
from outworx_otel.server.store.retention import remove_deliveries, remove_spans
from outworx_otel.server.store.schema import (
    alerts,
    deliveries,
    event_types,
    events,
    facets,
    problems,
    spans,
)

AT_ONCE: Final = 200
"""Deliveries of one transaction."""

_SPANS_AT_ONCE: Final = 1000


class Erasure(NamedTuple):
    """Which deliveries are to go: exactly one of the three.

    Args:
        id: one delivery.
        event_id: every delivery of an event.
        before: what began before (Unix nanoseconds, the deliveries' own time).
        provider: of the event; None for any.
    """

    id: str | None = None
    event_id: str | None = None
    before: int | None = None
    provider: str | None = None


class Erased(NamedTuple):
    """What went in one transaction, and whose.

    Args:
        ids: the deliveries.
        traces: of these, in hexadecimal.
        spans: how many others.
        keys: how many idempotency records.
        more: whether there may be more.
    """

    ids: list[str]
    traces: list[str]
    spans: int
    keys: int
    more: bool


def number_of(connection: Connection, which: Erasure) -> int:
    """How many deliveries would go."""
    return int(connection.execute(_chosen(which, select(func.count()))).scalar_one())


def erase(connection: Connection, which: Erasure) -> Erased:
    """Removes the first `AT_ONCE` of them, in the transaction that is open."""
    d = deliveries.c
    columns = select(
        d.seq, d.id, d.trace_id, d.span_id, d.event_type, d.event_id, d.idempotency_key, facets.c.provider
    )
    rows = connection.execute(_chosen(which, columns).order_by(d.time_ns, d.seq).limit(AT_ONCE)).all()
    traces = sorted({row.trace_id for row in rows if row.trace_id})
    removed = _remove_spans_of(connection, traces, [row.trace_id + row.span_id for row in rows])
    keys = {key for row in rows for key in _keys(row.provider, row.event_id, row.idempotency_key)}
    if which.event_id is not None:
        # Perhaps its deliveries have gone by age.
        keys |= _keys(which.provider, which.event_id, None)
    forgotten = 0
    if keys:
        forgotten = connection.execute(delete(claims).where(claims.c.key.in_(sorted(keys)))).rowcount
    remove_deliveries(connection, [row.seq for row in rows])
    _forget_in_problems(connection, [row.id for row in rows])
    _remove_events(
        connection, {row.event_id for row in rows if row.event_id is not None} | {text(which.event_id)}
    )
    _remove_event_types(connection, {row.event_type for row in rows if row.event_type is not None})
    return Erased([row.id for row in rows], traces, removed, forgotten, len(rows) == AT_ONCE)


def _chosen(which: Erasure, query: Select[Any]) -> Select[Any]:
    d = deliveries.c
    query = query.select_from(deliveries.join(facets, facets.c.id == d.facet))
    if which.id is not None:
        return query.where(d.id == text(which.id, 200))
    if which.before is not None:
        return query.where(d.time_ns < which.before)
    event_id = text(which.event_id)
    query = query.where(d.event_hash == hashed(event_id), d.event_id == event_id)
    if which.provider is None:
        return query
    return query.where(or_(facets.c.provider == facet_text(which.provider), facets.c.overflow))


def _remove_spans_of(connection: Connection, traces: Sequence[str], links: Sequence[str]) -> int:
    """The spans of their traces and their deferred work; not that of other deliveries in the same trace."""
    s = spans.c
    of_these = or_(
        s.trace_id.in_(traces) & or_(s.delivery.is_(None), s.delivery.in_(links)), s.delivery.in_(links)
    )
    removed = 0
    while some := remove_spans(connection, select(s.seq).where(of_these).limit(_SPANS_AT_ONCE)):
        removed += some
    return removed


def _keys(provider: str | None, event_id: str | None, key: str | None) -> set[str]:
    """The records that an application's idempotency key may have here.

    Our own store sends the hash that the delivery tells of. The older SDK sends the text that its option gives, most
    often the event's id, and its deliveries do not tell.
    """
    sent = [key, event_id, None if None in (provider, event_id) else f"{provider}:{event_id}"]
    return {hashed_key(SCOPE, one) for one in sent if one is not None}


def _forget_in_problems(connection: Connection, ids: Sequence[str]) -> None:
    """What a problem, and an alert of it, quotes of the delivery that came last. Their counts stay."""
    p = problems.c
    quoted = list(connection.execute(select(p.id).where(p.last_delivery.in_(ids))).scalars())
    if quoted:
        connection.execute(update(problems).where(p.id.in_(quoted)).values(message="", last_delivery=""))
        connection.execute(update(alerts).where(alerts.c.problem_id.in_(quoted)).values(what=""))


def _remove_events(connection: Connection, event_ids: set[str | None]) -> None:
    """What is known of events of which no delivery is left."""
    asked = {event_id: hashed(event_id) for event_id in event_ids if event_id is not None}
    d = deliveries.c
    there = select(d.event_id).where(d.event_hash.in_(asked.values()), d.event_id.in_(asked))
    gone = sorted(asked.keys() - set(connection.execute(there).scalars()))
    if gone:
        # In one statement: it looks through all of them.
        connection.execute(delete(events).where(events.c.event_id.in_(gone)))


def _remove_event_types(connection: Connection, types: set[str]) -> None:
    """Those that no other delivery has: filters would go on to offer them."""
    for name in sorted(types):
        other = select(deliveries.c.seq).where(deliveries.c.event_type == name).limit(1)
        if connection.execute(other).first() is None:
            connection.execute(delete(event_types).where(event_types.c.event_type == name))
