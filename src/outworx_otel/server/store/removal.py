"""Removes rows of deliveries and spans: the old, what there is no room for, what somebody asks to have removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, or_, select

from outworx_otel.server.fields import IN_ROW
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.history import Erasable, Erasure, NewDelivery
from outworx_otel.server.store.packing import facet_text, hashed, text
from outworx_otel.server.store.partitions import Held, TablePart
from outworx_otel.server.store.places import PageStart
from outworx_otel.server.store.schema import deliveries, details, facets, spans, unproved
from outworx_otel.server.store.tallies import (
    DELIVERIES,
    DELIVERY_BYTES,
    DELIVERY_OVERHEAD,
    REUSABLE_BYTES,
    SPAN_BYTES,
    SPAN_OVERHEAD,
    UNPROVED_BYTES,
    add_to_tally,
    tally,
)

ROWS_AT_ONCE: Final = 500
SHARE_OF_SPANS: Final = 0.25
"""Of the room, for spans that are no deliveries."""

SHARE_OF_UNPROVED: Final = 0.1
"""Of the room, what deliveries that no signature proved genuine keep when it is short. Beyond it they go first."""

_SPANS_AT_ONCE: Final = 1000
_BYTES: Final = func.length(details.c.detail) + DELIVERY_OVERHEAD


_VALID: Final = IN_ROW.index("signature_valid")


def count_deliveries(connection: Connection, new: Sequence[NewDelivery]) -> None:
    """Counts those that were just written."""
    sizes = [len(one.detail) + DELIVERY_OVERHEAD for one in new]
    of_unproved = sum(size for one, size in zip(new, sizes, strict=True) if one.row[_VALID] is not True)
    add_to_tally(connection, DELIVERIES, len(new))
    add_to_tally(connection, DELIVERY_BYTES, sum(sizes))
    add_to_tally(connection, REUSABLE_BYTES, -sum(sizes))
    if of_unproved:
        add_to_tally(connection, UNPROVED_BYTES, of_unproved)


def count_spans(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """The same of spans."""
    add_to_tally(connection, SPAN_BYTES, sum(len(row[-1]) + SPAN_OVERHEAD for row in rows))


def count_dropped(connection: Connection, part: TablePart, held: Held) -> None:
    """Counts what was in a part that was just dropped."""
    if part.is_of_spans:
        add_to_tally(connection, SPAN_BYTES, -held.size)
        return
    add_to_tally(connection, DELIVERIES, -held.rows)
    add_to_tally(connection, DELIVERY_BYTES, -held.size)
    add_to_tally(connection, UNPROVED_BYTES, -held.of_unproved)


def remove_arrived(
    connection: Connection,
    until_delivery: int,
    until_span: int,
    is_old: Callable[[ColumnElement[int], int], ColumnElement[bool]] = lambda seq, until: seq <= until,
) -> int:
    """Removes the first few of what arrived up to these numbers. Returns how many.

    Args:
        is_old: whether a number is one of them.
    """
    d, s = deliveries.c.seq, spans.c.seq
    first = select(d).where(is_old(d, until_delivery)).order_by(d).limit(ROWS_AT_ONCE)
    removed = remove_deliveries(connection, list(connection.execute(first).scalars()))
    return removed + _remove_spans(
        connection, select(s).where(is_old(s, until_span)).order_by(s).limit(ROWS_AT_ONCE)
    )


def make_room(
    connection: Connection,
    database: Database,
    max_bytes: int,
    at_once: int,
    goes_whole: Callable[[Table, int], bool] = lambda table, seq: False,
) -> int:
    """Removes some spans beyond their share, and some deliveries where there is no room. Returns how many.

    Args:
        goes_whole: told a table and the number of the first row that is to go; whether all of its part goes.
    """
    removed = 0
    if tally(connection, SPAN_BYTES) > max_bytes * SHARE_OF_SPANS:
        first = select(spans.c.seq).order_by(spans.c.seq)
        oldest = connection.execute(first.limit(1)).scalar_one_or_none()
        if oldest is not None and goes_whole(spans, oldest):
            return 1
        removed = _remove_spans(connection, first.limit(at_once))
    return removed + _remove_for_room(connection, database, max_bytes, at_once, goes_whole)


def _remove_for_room(
    connection: Connection,
    database: Database,
    max_bytes: int,
    at_once: int,
    goes_whole: Callable[[Table, int], bool],
) -> int:
    used = database.size(connection)
    if not database.counts_free_room:
        # What is removed makes room inside the files, which what is written fills again.
        reusable = tally(connection, REUSABLE_BYTES)
        of_all = database.size(connection, deliveries, details)
        used -= of_all * reusable // max(tally(connection, DELIVERY_BYTES) + reusable, 1)
    over = used - max_bytes
    if over <= 0:
        return 0
    d = deliveries.c
    first = select(d.seq, _BYTES).join(details, details.c.seq == d.seq).order_by(d.seq).limit(at_once)
    beyond_its_share = tally(connection, UNPROVED_BYTES) - int(max_bytes * SHARE_OF_UNPROVED)
    if beyond_its_share > 0:
        first, over = first.where(unproved), min(over, beyond_its_share)
    rows = connection.execute(first).all()
    if rows and goes_whole(deliveries, rows[0].seq):
        return 1
    seqs: list[int] = []
    for seq, size in rows:
        seqs.append(seq)
        over -= size
        if over <= 0:
            break
    return remove_deliveries(connection, seqs)


def remove_deliveries(connection: Connection, seqs: list[int]) -> int:
    """Removes deliveries with their details. Returns how many."""
    if not seqs:
        return 0
    held = select(func.sum(_BYTES)).join(deliveries, deliveries.c.seq == details.c.seq)
    held = held.where(details.c.seq.in_(seqs))
    size, of_unproved = (
        int(connection.execute(one).scalar_one() or 0) for one in (held, held.where(unproved))
    )
    add_to_tally(connection, DELIVERY_BYTES, -size)
    add_to_tally(connection, REUSABLE_BYTES, size)
    add_to_tally(connection, UNPROVED_BYTES, -of_unproved)
    for table in (details, deliveries):
        _delete(connection, table, seqs)
    add_to_tally(connection, DELIVERIES, -len(seqs))
    return len(seqs)


def number_of(connection: Connection, which: Erasure) -> int:
    """How many deliveries somebody asks to have removed."""
    return int(connection.execute(_chosen(which, select(func.count()))).scalar_one())


def chosen(connection: Connection, which: Erasure, limit: int) -> list[Erasable]:
    """The oldest of these."""
    d = deliveries.c
    columns = (d.id, d.trace_id, d.span_id, d.event_type, d.event_id, d.idempotency_key, facets.c.provider)
    query = _chosen(which, select(d.time_ns, d.seq, *columns)).order_by(d.time_ns, d.seq).limit(limit)
    return [
        Erasable(PageStart(time_ns, seq), *more) for time_ns, seq, *more in connection.execute(query).all()
    ]


def remove_spans_of(connection: Connection, found: Sequence[Erasable]) -> int:
    """The spans of their traces and their deferred work; not that of other deliveries in the same trace."""
    s = spans.c
    traces = sorted({one.trace_id for one in found if one.trace_id})
    links = [one.trace_id + one.span_id for one in found]
    of_these = or_(
        s.trace_id.in_(traces) & or_(s.delivery.is_(None), s.delivery.in_(links)), s.delivery.in_(links)
    )
    removed = 0
    while some := _remove_spans(connection, select(s.seq).where(of_these).limit(_SPANS_AT_ONCE)):
        removed += some
    return removed


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


def _remove_spans(connection: Connection, which: Select[Any]) -> int:
    """Removes the spans whose numbers a query gives. Returns how many."""
    seqs = list(connection.execute(which).scalars())
    if seqs:
        held = select(func.sum(func.length(spans.c.detail) + SPAN_OVERHEAD)).where(spans.c.seq.in_(seqs))
        add_to_tally(connection, SPAN_BYTES, -int(connection.execute(held).scalar_one() or 0))
        _delete(connection, spans, seqs)
    return len(seqs)


def _delete(connection: Connection, table: Any, seqs: list[int]) -> None:
    for start in range(0, len(seqs), ROWS_AT_ONCE):
        connection.execute(delete(table).where(table.c.seq.in_(seqs[start : start + ROWS_AT_ONCE])))
