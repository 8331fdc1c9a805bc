"""Reads pages of deliveries, newest first. Whatever the filter, few more rows are read than shown."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Join, Row, Select, and_, func, select, true, tuple_
from sqlalchemy.ext.compiler import compiles

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW
from outworx_otel.server.model import Filter, StoredDelivery, Summary
from outworx_otel.server.store.packing import facet_text, hashed, text, unpack
from outworx_otel.server.store.schema import deliveries, details, facets
from outworx_otel.server.store.store_errors import BadCursor

_COLUMNS: Final = (
    deliveries.c.seq,
    facets.c.overflow,
    *(deliveries.c[name] for name in IN_ROW),
    *(facets.c[name] for name in FACETED),
)
_OPTIONAL: Final = tuple(name for name in FACETED if not BY_NAME[name].always)
_LAST: Final = 2**63 - 1
_SHORTEST_BEGINNING: Final = 4
_MOST_OF_A_BEGINNING: Final = 1000
_CURSOR: Final = struct.Struct(">qq")


class PageStart(NamedTuple):
    """Where a page begins: after the delivery of this time and number."""

    time_ns: int
    seq: int


FIRST: Final = PageStart(_LAST, _LAST)


def cursor_of(place: PageStart) -> str:
    """Returns the cursor for the start of a page."""
    return base64.urlsafe_b64encode(_CURSOR.pack(*place)).rstrip(b"=").decode()


def page_start_of(cursor: str | None) -> PageStart:
    """Reads a cursor that `cursor_of` made.

    Raises:
        BadCursor: anything else.
    """
    if cursor is None:
        return FIRST
    try:
        place = PageStart(*_CURSOR.unpack(base64.b64decode(cursor + "==", altchars=b"-_", validate=True)))
    except (ValueError, binascii.Error, struct.error):
        raise BadCursor from None
    if cursor_of(place) != cursor:
        raise BadCursor
    return place


def places(connection: Connection, wanted: Filter, after: PageStart, limit: int) -> list[PageStart]:
    """Returns the positions of a page's deliveries, newest first."""
    before = min(after, PageStart(_clamped(wanted.until, _LAST), 0))
    during = _During(before, _clamped(wanted.since, -_LAST))
    if wanted.search is not None:
        return _searched(connection, wanted, during, limit)
    chosen = chosen_facets(wanted)
    d = deliveries.c
    if wanted.problem is not None:
        return _of_problem(connection, wanted, during, limit)
    if not chosen and wanted.event_type is None:
        query = select(d.time_ns, d.seq).where(during.condition())
        return _read(connection, query.order_by(d.time_ns.desc(), d.seq.desc()).limit(limit))
    newest = newest_of_each_facet[connection.dialect.name]
    event_type = text(wanted.event_type, 200)
    return _read(connection, newest(and_(true(), *chosen), event_type, during, limit))


def summaries(connection: Connection, found: Sequence[PageStart]) -> list[Summary]:
    """The deliveries of those places, in the same order."""
    query = select(*_COLUMNS).join(facets, facets.c.id == deliveries.c.facet)
    rows = connection.execute(query.where(deliveries.c.seq.in_([place.seq for place in found]))).all()
    by_seq = {row.seq: row for row in rows}
    crowded = [row.seq for row in rows if row.overflow]
    exact = dict(_unpacked(connection, crowded, Summary)) if crowded else {}
    return [exact.get(place.seq) or _summary(by_seq[place.seq]) for place in found if place.seq in by_seq]


def whole(connection: Connection, found: Sequence[PageStart]) -> list[StoredDelivery]:
    """All of those deliveries, in the same order."""
    by_seq = dict(_unpacked(connection, [place.seq for place in found], StoredDelivery))
    return [by_seq[place.seq] for place in found if place.seq in by_seq]


def chosen_facets(wanted: Filter) -> list[ColumnElement[bool]]:
    """Which facets a filter asks for; nothing where it does not care."""
    return [
        facets.c[name] == facet_text(value)
        for name in FACETED
        if (value := getattr(wanted, name)) is not None
    ]


class _During(NamedTuple):
    before: PageStart
    since: int

    def condition(self, columns: Any = deliveries.c, since: Any = None) -> ColumnElement[bool]:
        begins = columns.time_ns >= (self.since if since is None else since)
        return and_(tuple_(columns.time_ns, columns.seq) < tuple_(*self.before), begins)


class _InThisOrder(Join):
    """For SQLite, the join whose left side is read first: it would take the deliveries, and all of them."""

    inherit_cache = True


@compiles(_InThisOrder, "sqlite")
def _cross_join(join: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_join(join, **options)).replace(" JOIN ", " CROSS JOIN ", 1)


def _on_sqlite(chosen: Any, event_type: str | None, during: _During, limit: int) -> Select[Any]:
    """Of each facet the newest, down to the time of its `limit`-th; two ranges of an index for each."""
    x, y = deliveries.alias("x"), deliveries.alias("y")

    def of_facet(columns: Any) -> ColumnElement[bool]:
        same = columns.facet == facets.c.id
        return same if event_type is None else and_(columns.event_type == event_type, same)

    oldest = (
        select(y.c.time_ns)
        .where(of_facet(y.c), during.condition(y.c))
        .order_by(y.c.time_ns.desc(), y.c.seq.desc())
        .limit(1)
        .offset(limit - 1)
        .correlate(facets)
        .scalar_subquery()
    )
    return (
        select(x.c.time_ns, x.c.seq)
        .select_from(_InThisOrder(facets, x, of_facet(x.c)))
        # One lower bound: of two, the index may get the other.
        .where(chosen, during.condition(x.c, since=func.coalesce(oldest, during.since)))
        .order_by(x.c.time_ns.desc(), x.c.seq.desc())
        .limit(limit)
    )


def _on_postgresql(chosen: Any, event_type: str | None, during: _During, limit: int) -> Select[Any]:
    y = deliveries.alias("y")
    same = [y.c.facet == facets.c.id, *([] if event_type is None else [y.c.event_type == event_type])]
    x = (
        select(y.c.time_ns, y.c.seq)
        .where(*same, during.condition(y.c))
        .order_by(y.c.time_ns.desc(), y.c.seq.desc())
        .limit(limit)
        .lateral("x")
    )
    query = select(x.c.time_ns, x.c.seq).select_from(facets.join(x, true())).where(chosen)
    return query.order_by(x.c.time_ns.desc(), x.c.seq.desc()).limit(limit)


newest_of_each_facet: Final[dict[str, Callable[[Any, str | None, _During, int], Select[Any]]]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
}


def _searched(connection: Connection, wanted: Filter, during: _During, limit: int) -> list[PageStart]:
    term = text(wanted.search) or ""
    d = deliveries.c
    more = [*chosen_facets(wanted), during.condition()]
    if wanted.problem is not None:
        more.append(d.problem == wanted.problem)
    if wanted.event_type is not None:
        more.append(d.event_type == text(wanted.event_type, 200))
    query = select(d.time_ns, d.seq).join(facets, facets.c.id == d.facet).where(*more)
    newest_first = (d.time_ns.desc(), d.seq.desc())
    found = set[PageStart]()
    number = hashed(term)
    for column, value in ((d.event_hash, d.event_id), (d.key_hash, d.idempotency_key)):
        exact = query.where(column == number, value == term)
        found.update(_read(connection, exact.order_by(*newest_first).limit(limit)))
    if len(term) >= _SHORTEST_BEGINNING:
        # A trace is found by the half of its id that its deliveries' ids begin with.
        of_trace = [(half, d.trace_id == term) for half in (term[:16], term[16:]) if len(term) == 32]
        for beginning, also in [(term, true()), *of_trace]:
            ids = and_(d.id >= beginning, d.id < beginning + "\U0010ffff", also)
            found.update(_read(connection, query.where(ids).order_by(d.id).limit(_MOST_OF_A_BEGINNING)))
    return sorted(found, reverse=True)[:limit]


def _of_problem(connection: Connection, wanted: Filter, during: _During, limit: int) -> list[PageStart]:
    d = deliveries.c
    query = select(d.time_ns, d.seq).where(d.problem == wanted.problem, during.condition())
    chosen = chosen_facets(wanted)
    if chosen:
        query = query.join(facets, facets.c.id == d.facet).where(*chosen)
    if wanted.event_type is not None:
        query = query.where(d.event_type == text(wanted.event_type, 200))
    return _read(connection, query.order_by(d.time_ns.desc(), d.seq.desc()).limit(limit))


def _read(connection: Connection, query: Select[Any]) -> list[PageStart]:
    return [PageStart(row[0], row[1]) for row in connection.execute(query).all()]


def _unpacked(connection: Connection, seqs: Sequence[int], type_: Any) -> list[tuple[int, Any]]:
    query = select(details.c.seq, details.c.detail).where(details.c.seq.in_(seqs))
    return [(seq, unpack(detail, type_)) for seq, detail in connection.execute(query).all()]


def _summary(row: Row[Any]) -> Summary:
    fields = dict(row._mapping)
    del fields["seq"], fields["overflow"]
    for name in _OPTIONAL:
        fields[name] = fields[name] or None
    return Summary(**fields)


def _clamped(time_ns: int | None, default: int) -> int:
    return default if time_ns is None else max(-_LAST, min(time_ns, _LAST))
