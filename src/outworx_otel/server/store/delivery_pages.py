"""Reads pages of deliveries, newest first. Whatever the filter, few more rows are read than shown."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW
from outworx_otel.server.model import Filter, Page, StoredDelivery, Summary
from outworx_otel.server.store.newest import (
    FIRST,
    During,
    FoundPlaces,
    PageStart,
    newest_places,
)
from outworx_otel.server.store.packing import unpack
from outworx_otel.server.store.schema import deliveries, details, facets
from outworx_otel.server.store.searching import searched
from outworx_otel.server.store.store_errors import BadCursor

_COLUMNS: Final = (
    deliveries.c.seq,
    facets.c.overflow,
    *(deliveries.c[name] for name in IN_ROW),
    *(facets.c[name] for name in FACETED),
)
_OPTIONAL: Final = tuple(name for name in FACETED if not BY_NAME[name].always)
_CURSOR: Final = struct.Struct(">qq")


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


def places(connection: Connection, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
    """Returns the positions of a page's deliveries."""
    during = During.of(wanted, after)
    if wanted.search is not None:
        return searched(connection, wanted, during, limit)
    return FoundPlaces(newest_places(connection, wanted, during, limit))


def page_of(connection: Connection, found: FoundPlaces, limit: int) -> Page:
    """A page of the first ones, out of one more than `limit` at least, where there are as many."""
    shown = summaries(connection, found.places[:limit])
    if len(found.places) > limit:
        return Page(shown, cursor_of(found.places[limit - 1]))
    onward = found.onward
    return Page(shown, None) if onward is None else Page(shown, cursor_of(onward), onward.time_ns)


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
