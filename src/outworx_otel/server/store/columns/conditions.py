"""Filters, as ClickHouse is asked for them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final

from outworx_otel.server.fields import BY_NAME, FACETED
from outworx_otel.server.model import RAN, Filter
from outworx_otel.server.store.columns.tables import LETTERS, WORDS_OF_FACETS
from outworx_otel.server.store.packing import facet_text, text
from outworx_otel.server.store.places import LAST, PageStart, Range

NEWEST_FIRST: Final = "ORDER BY time DESC, seq DESC"
OLDEST_FIRST: Final = "ORDER BY time, seq"
PLACE: Final = "toUnixTimestamp64Nano(time), seq"


def literal(value: str | bytes | int) -> str:
    """A value in a statement."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return "'\\x" + value.hex(" ").replace(" ", "\\x") + "'" if value else "''"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def among(values: Iterable[str | bytes | int]) -> str:
    """A list for IN; of none, one that holds nothing."""
    return f"({', '.join(map(literal, values)) or 'NULL'})"


def at(time_ns: int) -> str:
    """A time."""
    return f"fromUnixTimestamp64Nano(toInt64({time_ns}), 'UTC')"


def has_any(letter: str, values: Iterable[str]) -> str:
    """Whether a delivery has one of these words."""
    words = ", ".join(literal(f"{letter}={value}") for value in values)
    return f"hasAny({WORDS_OF_FACETS}, [{words}])"


def has_all(words: Sequence[tuple[str, str]]) -> str:
    """Whether a delivery has all of these words, each with its letter."""
    found = ", ".join(literal(f"{letter}={value}") for letter, value in words)
    return f"hasAll({WORDS_OF_FACETS}, [{found}])"


def chosen(wanted: Filter) -> list[str]:
    """What a filter asks for beside time, problem and search."""
    found = [
        has_any(LETTERS[name], map(facet_text, values)) for name in FACETED if (values := wanted.any_of(name))
    ]
    if types := wanted.any_of("event_type"):
        longest = BY_NAME["event_type"].longest
        found.append(has_any(LETTERS["event_type"], (text(one, longest) or "" for one in types)))
    if wanted.unverified:
        found += [has_any("u", ("2",)), has_any("o", RAN)]
    return found


def during(found: Range) -> list[str]:
    """From a time to a place: in the order of the table, so that only what may hold it is read."""
    before = []
    # No column holds a later one.
    if found.before.time_ns < LAST:
        before.append(before_place(found.before))
    if found.since > -LAST:
        before.append(f"time >= {at(_told(found.since))}")
    return before


def before_place(place: PageStart) -> str:
    """Whether something comes after a place in the order of pages."""
    time = at(_told(place.time_ns))
    # An `OR` would have every granule looked at for each of its halves; the indices do not look into an `if`.
    return (
        f"time < {time}" if place.seq <= 0 else f"time <= {time} AND if(time = {time}, seq < {place.seq}, 1)"
    )


def after_place(place: PageStart) -> str:
    """Whether something comes before it."""
    time = at(_told(place.time_ns))
    return f"time >= {time} AND if(time = {time}, seq > {place.seq}, 1)"


def of_places(places: Sequence[PageStart]) -> str:
    """Whether something is at one of these places; at least one."""
    pairs = ", ".join(f"({_written(time_ns)}, {seq})" for time_ns, seq in places)
    return f"(time, seq) IN ({pairs})" if len(places) > 1 else f"(time, seq) = {pairs}"


def where(conditions: Iterable[str]) -> str:
    """All of them."""
    found = " AND ".join(f"({one})" for one in conditions)
    return f"WHERE {found}" if found else ""


def like(term: str) -> str:
    """A pattern that a text with this part has."""
    escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return literal(f"%{escaped}%")


def _written(time_ns: int) -> str:
    """A time as text, which is read in a fifth of the time that a call of `at` takes: a page has fifty."""
    seconds, rest = divmod(_told(time_ns), 10**9)
    whole = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"'{whole:%Y-%m-%d %H:%M:%S}.{rest:09}'"


def _told(time_ns: int) -> int:
    """A time that a column could hold: ClickHouse knows the years from 1900 to 2262."""
    return max(-2_208_988_800 * 10**9, min(time_ns, LAST))
