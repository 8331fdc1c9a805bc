"""Looks for a text in the bodies that deliveries kept: a bounded number of the newest, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from outworx_otel.server.store.packing import unpack
from outworx_otel.server.store.places import FoundPlaces, PageStart
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


def in_bodies(
    places: Sequence[PageStart],
    details_of: Callable[[Sequence[PageStart]], dict[int, bytes]],
    limit: int,
    term: str,
) -> FoundPlaces:
    """Returns deliveries with a body in which a page shows the text, newest first.

    Args:
        places: the newest deliveries, `PLACES_AT_ONCE` where there are as many.
        details_of: by their numbers, the details of those of some deliveries that may have kept a body.
    """
    folded, ends_at = term.lower(), time.monotonic() + SECONDS_AT_ONCE
    found: list[PageStart] = []
    for unpacked, (place, detail) in enumerate(_with_bodies(places, details_of), 1):
        if _is_in(folded, unpack(detail, _KeptBodies)):
            found.append(place)
            if len(found) >= limit:
                return FoundPlaces(found)
        if unpacked >= BODIES_AT_ONCE or time.monotonic() > ends_at:
            return FoundPlaces(found, place)
    return FoundPlaces(found, places[-1] if len(places) >= PLACES_AT_ONCE else None)


def _with_bodies(
    places: Sequence[PageStart], details_of: Callable[[Sequence[PageStart]], dict[int, bytes]]
) -> Iterator[tuple[PageStart, bytes]]:
    """Those that may have kept a body, in the same order, each with its detail."""
    for start in range(0, len(places), _READ_TOGETHER):
        some = places[start : start + _READ_TOGETHER]
        there = details_of(some)
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
