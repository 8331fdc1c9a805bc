"""Looks for a text in the bodies that deliveries kept: a bounded number of the newest, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select

from outworx_otel.server.model import Filter
from outworx_otel.server.store.newest import During, FoundPlaces, PageStart, newest_places
from outworx_otel.server.store.packing import MAY_KEEP_A_BODY, unpack
from outworx_otel.server.store.schema import details
from outworx_otel.server.stored_bodies import MAX_TEXT, bytes_of
from outworx_otel.telemetry import semconv

PREFIX: Final = "body:"
"""Before a text that is looked for in bodies alone."""

PLACES_AT_ONCE: Final = 5000
"""Deliveries that one search goes through, whether or not they kept a body."""

BODIES_AT_ONCE: Final = 1000
"""Deliveries with a body that one search unpacks."""

SECONDS_AT_ONCE: Final = 0.25

_READ_TOGETHER: Final = 100


class _KeptBodies(msgspec.Struct):
    """What a search needs of a packed delivery."""

    attributes: dict[str, Any] = {}
    body_size: int | None = None


def in_bodies(connection: Connection, wanted: Filter, during: During, limit: int, term: str) -> FoundPlaces:
    """Returns deliveries with a body in which a page shows the text, newest first."""
    places = newest_places(connection, wanted, during, PLACES_AT_ONCE)
    folded, ends_at = term.lower(), time.monotonic() + SECONDS_AT_ONCE
    found: list[PageStart] = []
    for unpacked, (place, detail) in enumerate(_with_bodies(connection, places), 1):
        if _is_in(folded, unpack(detail, _KeptBodies)):
            found.append(place)
            if len(found) >= limit:
                return FoundPlaces(found)
        if unpacked >= BODIES_AT_ONCE or time.monotonic() > ends_at:
            return FoundPlaces(found, place)
    return FoundPlaces(found, places[-1] if len(places) >= PLACES_AT_ONCE else None)


def _with_bodies(connection: Connection, places: Sequence[PageStart]) -> Iterator[tuple[PageStart, bytes]]:
    """Those that may have kept a body, in the same order, each with its detail."""
    for start in range(0, len(places), _READ_TOGETHER):
        some = places[start : start + _READ_TOGETHER]
        query = select(details.c.seq, details.c.detail).where(
            details.c.seq.in_([place.seq for place in some]),
            func.substr(details.c.detail, 1, 1) == MAY_KEEP_A_BODY,
        )
        there = {row.seq: row.detail for row in connection.execute(query)}
        yield from ((place, there[place.seq]) for place in some if place.seq in there)


def _is_in(folded: str, kept: _KeptBodies) -> bool:
    sizes = ((semconv.REQUEST_BODY, kept.body_size), (semconv.RESPONSE_BODY, None))
    return any(
        folded in _shown(stored, size)
        for name, size in sizes
        if isinstance(stored := kept.attributes.get(name), str)
    )


def _shown(stored: str, full_size: int | None) -> str:
    """The text of a body that a page shows, in lower case; of bytes that are no text it shows none."""
    try:
        return bytes_of(stored, full_size).decode("utf-8", "surrogatepass")[:MAX_TEXT].lower()
    except UnicodeDecodeError:
        return ""
