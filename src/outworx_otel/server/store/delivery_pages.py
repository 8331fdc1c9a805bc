"""Reads pages of deliveries, newest first. Whatever the filter, few more rows are read than shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW
from outworx_otel.server.model import Filter, StoredDelivery, Summary
from outworx_otel.server.store.newest import During, newest_places
from outworx_otel.server.store.packing import unpack
from outworx_otel.server.store.places import FoundPlaces, PageStart
from outworx_otel.server.store.schema import deliveries, details, facets
from outworx_otel.server.store.searching import searched

_COLUMNS: Final = (
    deliveries.c.seq,
    facets.c.overflow,
    *(deliveries.c[name] for name in IN_ROW),
    *(facets.c[name] for name in FACETED),
)
_OPTIONAL: Final = tuple(name for name in FACETED if not BY_NAME[name].always)


def places(connection: Connection, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
    """Returns the positions of a page's deliveries."""
    during = During.of(wanted, after)
    if wanted.search is not None:
        return searched(connection, wanted, during, limit)
    return FoundPlaces(newest_places(connection, wanted, during, limit))


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


def _unpacked(connection: Connection, seqs: Sequence[int], type_: Any) -> list[tuple[int, Any]]:
    query = select(details.c.seq, details.c.detail).where(details.c.seq.in_(seqs))
    return [(seq, unpack(detail, type_)) for seq, detail in connection.execute(query).all()]


def _summary(row: Row[Any]) -> Summary:
    fields = dict(row._mapping)
    del fields["seq"], fields["overflow"]
    for name in _OPTIONAL:
        fields[name] = fields[name] or None
    return Summary(**fields)
