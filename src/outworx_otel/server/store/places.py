"""Where deliveries stand in the order of pages, newest first, and how far pages and counts go."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final, NamedTuple

from outworx_otel.server.model import Filter, Hits
from outworx_otel.server.store.store_errors import BadCursor

MOST_COUNTED: Final = 1000
"""Deliveries that fit a filter; of more it is said that there are as many at least."""

LAST: Final = 2**63 - 1
_CURSOR: Final = struct.Struct(">qq")


class PageStart(NamedTuple):
    """Where a page begins: after the delivery of this time and number."""

    time_ns: int
    seq: int


FIRST: Final = PageStart(LAST, LAST)


class FoundPlaces(NamedTuple):
    """Places of a page, newest first; `onward` is where a search that stopped early goes on."""

    places: list[PageStart]
    onward: PageStart | None = None


class Range(NamedTuple):
    """From `since` (Unix nanoseconds, included) to a place that is not."""

    before: PageStart
    since: int


def range_of(wanted: Filter, after: PageStart) -> Range:
    """The time of a filter, as far as it comes after a place in the order of pages."""
    return Range(min(after, PageStart(_clamped(wanted.until, LAST), 0)), _clamped(wanted.since, -LAST))


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


def hits_of(found: FoundPlaces) -> Hits:
    """What a search for one more than `MOST_COUNTED` tells."""
    return counted(len(found.places), at_least=found.onward is not None)


def counted(count: int, *, at_least: bool = False) -> Hits:
    """What counting no further than `MOST_COUNTED` tells."""
    return Hits(min(count, MOST_COUNTED), at_least or count > MOST_COUNTED)


def _clamped(time_ns: int | None, default: int) -> int:
    return default if time_ns is None else max(-LAST, min(time_ns, LAST))
