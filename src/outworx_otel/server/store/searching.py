"""Searches: an id is found by its index, a part of a text in what may hold it, so many deliveries at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    any_,
    bindparam,
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
    in_hours,
    newest,
    newest_of_all,
    newest_of_each_facet,
    newest_places,
    of_problem,
    read_places,
    recent_enough,
)
from outworx_otel.server.store.packing import MAY_KEEP_A_BODY, hashed, text
from outworx_otel.server.store.partitions import is_partitioned
from outworx_otel.server.store.places import FoundPlaces, PageStart
from outworx_otel.server.store.schema import deliveries, details, event_types, facets

LOOKED_THROUGH: Final = 5000
"""Deliveries that a search for a text looks through at once, of those that may hold more than their facet tells."""

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
    more = [*chosen_facets(wanted), recent_enough(connection, during).condition()]
    if types := event_types_of(wanted):
        more.append(d.event_type.in_(types))
    if wanted.problem is not None:
        more.append(d.problem == wanted.problem)
    query = select(d.time_ns, d.seq).join(facets, facets.c.id == d.facet).where(*more)
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
    by_route = and_(chosen, facets.c.route.icontains(term, autoescape=True))
    found = set(newest(connection, by_route, types, during, limit))
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

    def source_of(part: During) -> Select[Any]:
        of_it = of_problem(wanted).where(part.condition())
        return of_it.order_by(*NEWEST_FIRST).limit(LOOKED_THROUGH)

    matching, end = _matching(connection, source_of, during, _holds(term))
    return set(matching[:limit]), end


def _types_with(connection: Connection, term: str) -> list[str]:
    e = event_types.c.event_type
    query = select(e).where(e.icontains(term, autoescape=True)).group_by(e).limit(_MOST_TYPES + 1)
    return list(connection.execute(query).scalars())


def _looked_through(
    connection: Connection, chosen: Any, types: list[str], during: During, term: str, *, all_: bool
) -> tuple[list[PageStart], PageStart | None]:
    """As `_matching`."""
    d = deliveries.c
    query_of = newest_of_each_facet[connection.dialect.name]

    def source_of(part: During) -> Select[Any]:
        if all_:
            return newest_of_all(part, LOOKED_THROUGH)
        return query_of(and_(chosen, _tells_more()), None, part, LOOKED_THROUGH)

    holds = _holds(term)
    if types:
        holds = and_(holds, d.event_type.in_(types))
    if all_:
        holds = and_(holds, d.facet.in_(select(facets.c.id).where(chosen)))
    return _matching(connection, source_of, during, holds)


def _holds(term: str) -> ColumnElement[bool]:
    columns = [deliveries.c[name] for name in SEARCHED if name not in FACETED]
    return or_(*(column.icontains(term, autoescape=True) for column in columns))


def _matching(
    connection: Connection,
    source_of: Callable[[During], Select[Any]],
    during: During,
    holds: ColumnElement[bool],
) -> tuple[list[PageStart], PageStart | None]:
    """Those that hold the text, newest first, and the last that was looked at where there may be more."""
    d = deliveries.c

    def read(part: During) -> list[tuple[Any, ...]]:
        if is_partitioned(connection):
            # By numbers it knows the parts and uses their keys; joined, it would read whole days.
            numbers = [place.seq for place in read_places(connection, source_of(part))]
            among = bindparam("numbers", numbers, type_=ARRAY(BigInteger))
            query = select(d.time_ns, d.seq, holds).where(d.seq == any_(among))
        else:
            source = source_of(part).subquery()
            same = d.seq == source.c.seq
            query = select(source.c.time_ns, source.c.seq, holds).join_from(source, deliveries, same)
        # SQLAlchemy's rows take ten times as long to be compared.
        return sorted(map(tuple, connection.execute(query)), reverse=True)

    rows = in_hours(connection, during, LOOKED_THROUGH, read)
    matching = [PageStart(time_ns, seq) for time_ns, seq, is_match in rows if is_match]
    return matching, PageStart(*rows[-1][:2]) if len(rows) == LOOKED_THROUGH else None


def _tells_more() -> ColumnElement[bool]:
    """Whether a facet's deliveries have texts that the facet does not tell: a reason, a path beside their route."""
    route = facets.c.route
    return or_(facets.c.outcome.not_in(_WELL), route == "", route.contains("{"), route.contains("<"))
