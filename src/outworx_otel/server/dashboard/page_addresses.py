"""Builds addresses of our pages with filters, and the chips that remove a filter."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote_plus

from starlette.datastructures import QueryParams

from outworx_otel.server.fields import BY_NAME, FILTERED
from outworx_otel.server.formatting import short

LABELS: Final[Mapping[str, str]] = {
    **{name: BY_NAME[name].label for name in FILTERED},
    "problem": "Problem",
    "unverified": "Not verified",
    "since": "Since",
    "until": "Until",
    "q": "Search",
}
"""The filter's parameters, as `server/filters.py` reads them, and what a page calls them."""

RANGES: Final[Mapping[str, str]] = {
    "-1h": "Last hour",
    "-24h": "Last 24 hours",
    "-7d": "Last 7 days",
    "-30d": "Last 30 days",
}
MAX_TRAIL: Final = 12
_SHORT: Final = 200
_WITHOUT_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?")


class Chip(NamedTuple):
    """An active filter, and the page's address without it."""

    label: str
    value: str
    without: str


Asked = Mapping[str, list[str]]
"""The filter's parameters that are set, each with its values."""


def wanted_of(params: QueryParams) -> dict[str, list[str]]:
    """Returns the filter parameters that are set, as they were given."""
    asked = {name: [value for value in params.getlist(name) if value] for name in LABELS}
    return {name: values for name, values in asked.items() if values}


def address(path: str, wanted: Mapping[str, object]) -> str:
    """Returns `path` with a query; None removes a parameter, and a list repeats it."""
    query = "&".join(
        f"{_quoted(name)}={_quoted(str(one))}"
        for name, value in wanted.items()
        if value not in (None, "", [])
        for one in (value if isinstance(value, list | tuple) else (value,))
    )
    return f"{path}?{query}" if query else path


def _quoted(text: str) -> str:
    return _quoted_before(text) if len(text) <= _SHORT else quote_plus(text)


# A page names the same endpoints in hundreds of addresses.
@functools.lru_cache(maxsize=2048)
def _quoted_before(text: str) -> str:
    return quote_plus(text)


def chips_of(wanted: Asked) -> list[Chip]:
    """Returns a chip for each value that is set."""
    return [
        Chip(LABELS[name], _said(name, value), address("/deliveries", without(wanted, name, value)))
        for name, values in wanted.items()
        for value in values
    ]


def without(wanted: Asked, name: str, value: str) -> Asked:
    """The parameters without one value."""
    return {**wanted, name: [one for one in wanted[name] if one != value]}


def _said(name: str, value: str) -> str:
    if name == "since" and value in RANGES:
        return RANGES[value].lower()
    if name in ("since", "until") and _WITHOUT_ZONE.fullmatch(value):
        return f"{value.replace('T', ' ')} UTC"
    return short(value, 80)


class Paging(NamedTuple):
    """The addresses of the newer and the older page, None where there is none."""

    newest: str | None
    newer: str | None
    older: str | None


def paging_of(wanted: Asked, params: QueryParams, next_cursor: str | None) -> Paging:
    """Returns the addresses of both pages. A page's address holds its start, and the last dozen starts before it."""
    cursor, trail = params.get("cursor", ""), [step for step in params.get("trail", "").split("~") if step]
    older = newer = newest = None
    if next_cursor is not None:
        on = ([*trail, cursor] if cursor else trail)[-MAX_TRAIL:]
        older = address("/deliveries", {**wanted, "cursor": next_cursor, "trail": "~".join(on)})
    if cursor:
        newest = address("/deliveries", wanted)
        back = trail[-1] if trail else None
        newer = address("/deliveries", {**wanted, "cursor": back, "trail": "~".join(trail[:-1])})
    return Paging(newest, newer, older)
