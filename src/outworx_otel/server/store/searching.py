"""Searches: an id is found by its index, a part of a text in what may hold it, so many deliveries at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    or_,
    select,
    true,
)

from outworx_otel.server.fields import FACETED, SEARCHED
from outworx_otel.server.model import Filter
from outworx_otel.server.store.body_search import PLACES_AT_ONCE, PREFIX, in_bodies
from outworx_otel.server.store.newest import (
    NEWEST_FIRST,
    During,
    chosen_facets,
    event_types_of,
    in_parts,
    newest,
    newest_of_all,
    newest_of_each_facet,
    newest_places,
    of_problem,
    read_places,
    recent_enough,
    those_of_facets,
)
from outworx_otel.server.store.packing import MAY_KEEP_A_BODY, hashed, text
from outworx_otel.server.store.partitions import is_partitioned
from outworx_otel.server.store.places import FoundPlaces, PageStart
from outworx_otel.server.store.schema import deliveries, details, event_types, facets

LOOKED_THROUGH: Final = 5000
"""Deliveries that a search for a text looks through at once, of those that may hold more than their facet tells."""

_HOUR_NS: Final = 3600 * 10**9
_HOURS: Final = (1, 8, 64, 512)
_SHORTEST_BEGINNING: Final = 4
_MOST_OF_A_BEGINNING: Final = 1000
# With more of them than this the newest deliveries hold some anyway.
_MOST_TYPES: Final = 20
# Of these there is no reason of a failure, and the path is that of their route.
_WELL: Final = ("accepted", "handshake", "replayed", "deferred", "in_flight")


def searched(connection: Connection, wanted: Filter, during: During, limit: int) -> FoundPlaces:
    """Returns what a search finds, newest first.

    What is an id is taken for nothing else, and bodies are looked through for what nothing else holds.
    """
    term = text(wanted.search) or ""
    if term.startswith(PREFIX) and len(term) > len(PREFIX):
        return _in_bodies(connection, wanted, during, limit, term.removeprefix(PREFIX))
    exact, beginnings = _by_id(connection, wanted, during, limit, term)
    ids = sorted(exact | beginnings, reverse=True)
    if exact or (ids and not term.isalpha()):
        return FoundPlaces(ids[:limit])
    look = _by_text if wanted.problem is None else _in_a_problem
    hits, end = look(connection, wanted, during, limit, term)
    if ids and not hits:
        return FoundPlaces(ids[:limit])
    found = sorted({*ids, *hits}, reverse=True)
    if end is not None:
        # Below that there may be others between them.
        found = [place for place in found if place >= end]
    if not found and end is None:
        return _in_bodies(connection, wanted, during, limit, term)
    return FoundPlaces(found[:limit], None if len(found) >= limit else end)


def _in_bodies(connection: Connection, wanted: Filter, during: During, limit: int, term: str) -> FoundPlaces:
    def details_of(places: Sequence[PageStart]) -> dict[int, bytes]:
        query = select(details.c.seq, details.c.detail).where(
            details.c.seq.in_([place.seq for place in places]),
            func.substr(details.c.detail, 1, 1).in_(MAY_KEEP_A_BODY),
        )
        return {row.seq: row.detail for row in connection.execute(query)}

    return in_bodies(newest_places(connection, wanted, during, PLACES_AT_ONCE), details_of, limit, term)


def _by_id(
    connection: Connection, wanted: Filter, during: During, limit: int, term: str
) -> tuple[set[PageStart], set[PageStart]]:
    """What has this id, event id, key or trace; and what has an id that begins with it."""
    d = deliveries.c
    query = select(d.time_ns, d.seq)
    # What says nothing, and a join, PostgreSQL would plan for every part.
    if not during.is_all:
        query = query.where(recent_enough(connection, during).condition())
    if chosen := chosen_facets(wanted):
        query = query.join(facets, facets.c.id == d.facet).where(*chosen)
    if types := event_types_of(wanted):
        query = query.where(d.event_type.in_(types))
    if wanted.problem is not None:
        query = query.where(d.problem == wanted.problem)
    exact, beginnings = set[PageStart](), set[PageStart]()
    number = hashed(term)
    for column, value in ((d.event_hash, d.event_id), (d.key_hash, d.idempotency_key)):
        same = query.where(column == number, value == term)
        exact.update(read_places(connection, same.order_by(d.time_ns.desc(), d.seq.desc()).limit(limit)))
    if len(term) >= _SHORTEST_BEGINNING:
        ids = and_(d.id >= term, d.id < term + "\U0010ffff")
        beginnings.update(_of_ids(connection, query.where(ids)))
        # A trace is found by the half of its id that its deliveries' ids begin with.
        for half in (term[:16], term[16:]) if len(term) == 32 else ():
            of_trace = and_(d.id >= half, d.id < half + "\U0010ffff", d.trace_id == term)
            exact.update(_of_ids(connection, query.where(of_trace)))
    return exact, beginnings


def _of_ids(connection: Connection, query: Select[Any]) -> list[PageStart]:
    return read_places(connection, query.order_by(deliveries.c.id).limit(_MOST_OF_A_BEGINNING))


def _by_text(
    connection: Connection, wanted: Filter, during: During, limit: int, term: str
) -> tuple[set[PageStart], PageStart | None]:
    """What holds a text, and the place at which the looking ended early."""
    chosen, types = and_(true(), *chosen_facets(wanted)), event_types_of(wanted)
    by_route = and_(chosen, _contains(connection, facets.c.route, term))
    found = set[PageStart]()
    # Mostly none has it; then no day's part has to be looked into.
    if connection.execute(select(facets.c.id).where(by_route).limit(1)).first() is not None:
        found.update(newest(connection, by_route, types, during, limit))
    named = _types_with(connection, term)
    if types:
        named = [one for one in named if one in types]
    if len(named) <= _MOST_TYPES and named:
        found.update(newest(connection, chosen, named, during, limit))
    matching, end = _looked_through(connection, chosen, types, during, term, all_=len(named) > _MOST_TYPES)
    found.update(matching)
    return found, end


def _in_a_problem(
    connection: Connection, wanted: Filter, during: During, limit: int, term: str
) -> tuple[set[PageStart], PageStart | None]:
    """The same of one problem, whose deliveries are looked through whatever they are."""

    source = _Source(lambda part, holds: of_problem(wanted).where(part.condition(), holds))
    matching, end = _matching(connection, source, during, _holds(connection, term))
    return set(matching[:limit]), end


def _types_with(connection: Connection, term: str) -> list[str]:
    e = event_types.c.event_type
    query = select(e).where(_contains(connection, e, term)).group_by(e).limit(_MOST_TYPES + 1)
    return list(connection.execute(query).scalars())


def _looked_through(
    connection: Connection, chosen: Any, types: list[str], during: During, term: str, *, all_: bool
) -> tuple[list[PageStart], PageStart | None]:
    """As `_matching`."""
    d = deliveries.c
    some = and_(chosen, _tells_more())
    query_of = newest_of_each_facet[connection.dialect.name]
    source = _Source(lambda part, holds: select(d.time_ns, d.seq).where(part.condition(), holds))
    if not all_:
        source = _Source(
            lambda part, holds: those_of_facets(connection, some, part, holds, LOOKED_THROUGH),
            lambda part: query_of(some, None, part, LOOKED_THROUGH),
        )
    holds = _holds(connection, term)
    if types:
        holds = and_(holds, d.event_type.in_(types))
    if all_:
        holds = and_(holds, d.facet.in_(select(facets.c.id).where(chosen)))
    return _matching(connection, source, during, holds)


def _holds(connection: Connection, term: str) -> ColumnElement[bool]:
    columns = [deliveries.c[name] for name in SEARCHED if name not in FACETED]
    return or_(*(_contains(connection, column, term) for column in columns))


def _contains(connection: Connection, column: ColumnElement[Any], term: str) -> ColumnElement[bool]:
    """Whether a text is in a column, in whatever case."""
    if connection.dialect.name == "sqlite":
        # Its LIKE takes `a` for `A` as its lower() does, which would be called for each.
        return column.contains(term, autoescape=True)
    return column.icontains(term, autoescape=True)


class _Source(NamedTuple):
    """What is looked through.

    Args:
        those: what of it, in a time, holds something.
        in_order: the newest `LOOKED_THROUGH` of a time, where their order is not an index's.
    """

    those: Callable[[During, ColumnElement[bool]], Select[Any]]
    in_order: Callable[[During], Select[Any]] | None = None

    def last(self, part: During) -> Select[Any]:
        """The last of the newest `LOOKED_THROUGH` of a time, nothing where there are fewer."""
        if self.in_order is not None:
            some = self.in_order(part)
        else:
            some = self.those(part, true()).order_by(*NEWEST_FIRST)
        return some.offset(LOOKED_THROUGH - 1).limit(1)


def _matching(
    connection: Connection, source: _Source, during: During, holds: ColumnElement[bool]
) -> tuple[list[PageStart], PageStart | None]:
    """Those that hold the text, newest first, and the last that was looked at where there may be more."""
    end = _end(connection, source, during)
    part = during if end is None else during.down_to(end)
    matching = read_places(connection, source.those(recent_enough(connection, part), holds))
    return sorted(matching, reverse=True), end


def _end(connection: Connection, source: _Source, during: During) -> PageStart | None:
    """Where it has been looked through enough; None where that is all.

    The last hours are tried first, and then longer, where a question costs by what a time holds.
    """
    begins: list[int] = []
    if source.in_order is not None or is_partitioned(connection):
        first = in_parts(connection, during, 1, lambda part: read_places(connection, newest_of_all(part, 1)))
        begins = [place.time_ns - hours * _HOUR_NS for place in first for hours in _HOURS]
    for since in (*(one for one in begins if one > during.since), during.since):
        part = recent_enough(connection, during._replace(since=since))
        for last in read_places(connection, source.last(part)):
            return last
    return None


def _tells_more() -> ColumnElement[bool]:
    """Whether a facet's deliveries have texts that the facet does not tell: a reason, a path beside their route."""
    route = facets.c.route
    return or_(facets.c.outcome.not_in(_WELL), route == "", route.contains("{"), route.contains("<"))
