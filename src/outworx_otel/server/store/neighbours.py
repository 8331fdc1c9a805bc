"""What stands beside a delivery in a filtered list, and how many a filter lets through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, true, tuple_

from outworx_otel.server.model import Filter, Hits
from outworx_otel.server.store.newest import (
    During,
    InThisOrder,
    chosen_facets,
    event_types_of,
    in_parts,
    of_problem,
    parts_of_time,
    read_places,
    recent_enough,
)
from outworx_otel.server.store.packing import text
from outworx_otel.server.store.places import FIRST, MOST_COUNTED, PageStart, counted, hits_of
from outworx_otel.server.store.schema import deliveries, facets
from outworx_otel.server.store.searching import searched


def neighbours(connection: Connection, wanted: Filter, id: str) -> tuple[str | None, str | None]:
    """The ids of the newer and of the older delivery; None where there is none, or none can be told."""
    d = deliveries.c
    row = connection.execute(select(d.time_ns, d.seq).where(d.id == text(id, 200))).one_or_none()
    if row is None:
        return None, None
    here, during = PageStart(*row), During.of(wanted, FIRST)
    if wanted.search is not None:
        return _in_a_search(connection, wanted, during, here)
    newer, older = (_nearest(connection, wanted, during, here, newer=newer) for newer in (True, False))
    return newer, older


def hits(connection: Connection, wanted: Filter) -> Hits:
    """Counts no further than `MOST_COUNTED`."""
    during = During.of(wanted, FIRST)
    if wanted.search is not None:
        return hits_of(searched(connection, wanted, during, MOST_COUNTED + 1))
    count = 0
    for part, _ in parts_of_time(connection, during):
        count += _number(connection, wanted, part)
        if count > MOST_COUNTED:
            break
    return counted(count)


def _number(connection: Connection, wanted: Filter, during: During) -> int:
    """How many there are, counted a little further than `MOST_COUNTED`."""
    chosen, types = chosen_facets(wanted), event_types_of(wanted)
    y = deliveries.alias("y")
    if wanted.problem is not None:
        some = of_problem(wanted).where(during.condition()).limit(MOST_COUNTED + 1)
        return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())
    if not chosen and not types:
        some = select(y.c.seq).where(during.condition(y.c)).limit(MOST_COUNTED + 1)
        return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())
    count = 0
    for event_type in _each(types):
        same = _of_facet(y.c, event_type)
        some = select(y.c.seq).where(same, during.condition(y.c))
        if connection.dialect.name == "sqlite":
            some = select(y.c.seq).select_from(InThisOrder(facets, y, same)).where(during.condition(y.c))
        else:
            each = some.limit(MOST_COUNTED + 1).lateral("x")
            some = select(each.c.seq).select_from(facets.join(each, true()))
        some = some.where(*chosen).limit(MOST_COUNTED + 1)
        count += connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()
        if count > MOST_COUNTED:
            break
    return count


def _nearest(
    connection: Connection, wanted: Filter, during: During, here: PageStart, *, newer: bool
) -> str | None:
    chosen, types = chosen_facets(wanted), event_types_of(wanted)

    def read(part: During) -> list[PageStart]:
        if wanted.problem is not None:
            d = deliveries.c
            near = of_problem(wanted).where(_beyond(part, here, newer=newer)(d))
            return read_places(connection, near.order_by(*_nearest_first(d, newer=newer)).limit(1))
        nearest = [
            row
            for event_type in _each(types)
            if (row := _nearest_of(connection, chosen, event_type, part, here, newer=newer)) is not None
        ]
        return [(min if newer else max)(nearest)] if nearest else []

    if newer:
        found = read(recent_enough(connection, during._replace(since=max(during.since, here.time_ns))))
    else:
        found = in_parts(connection, during._replace(before=min(here, during.before)), 1, read)
    return _id_of(connection, found[0]) if found else None


def _id_of(connection: Connection, place: PageStart) -> str | None:
    query = select(deliveries.c.id).where(deliveries.c.seq == place.seq)
    return connection.execute(query).scalar_one_or_none()


def _beyond(during: During, here: PageStart, *, newer: bool) -> Callable[[Any], ColumnElement[bool]]:
    """Whether something lies on that side of a place, within the time: as SQL, of the columns that are given."""

    def condition(columns: Any) -> ColumnElement[bool]:
        if not newer:
            return during._replace(before=min(here, during.before)).condition(columns)
        after = tuple_(columns.time_ns, columns.seq) > tuple_(*here)
        return and_(
            after,
            tuple_(columns.time_ns, columns.seq) < tuple_(*during.before),
            *during.numbers(columns),
            *during.more(columns),
        )

    return condition


def _nearest_first(columns: Any, *, newer: bool) -> list[Any]:
    order = (columns.time_ns, columns.seq)
    return list(order) if newer else [column.desc() for column in order]


def _nearest_of(
    connection: Connection,
    chosen: list[ColumnElement[bool]],
    event_type: str | None,
    during: During,
    here: PageStart,
    *,
    newer: bool,
) -> PageStart | None:
    x, y = deliveries.alias("x"), deliveries.alias("y")
    beyond = _beyond(during, here, newer=newer)
    if not chosen and event_type is None:
        query = select(x.c.time_ns, x.c.seq).where(beyond(x.c))
    else:
        of_each = (
            select(y.c.seq)
            .where(_of_facet(y.c, event_type), beyond(y.c))
            .order_by(*_nearest_first(y.c, newer=newer))
            .limit(1)
            .correlate(facets)
            .scalar_subquery()
        )
        query = select(x.c.time_ns, x.c.seq).select_from(InThisOrder(facets, x, x.c.seq == of_each))
        query = query.where(*chosen, *during.numbers(x.c))
        if newer:
            query = query.where(x.c.time_ns >= during.since)
    row = connection.execute(query.order_by(*_nearest_first(x.c, newer=newer)).limit(1)).one_or_none()
    return None if row is None else PageStart(*row)


def _in_a_search(
    connection: Connection, wanted: Filter, during: During, here: PageStart
) -> tuple[str | None, str | None]:
    found = searched(connection, wanted, during, MOST_COUNTED).places
    if here not in found:
        return None, None
    at = found.index(here)
    beside = [found[at - 1] if at else None, found[at + 1] if at + 1 < len(found) else None]
    d = deliveries.c
    query = select(d.seq, d.id).where(d.seq.in_([place.seq for place in beside if place is not None]))
    ids = {row.seq: row.id for row in connection.execute(query).all()}
    newer, older = (None if place is None else ids.get(place.seq) for place in beside)
    return newer, older


def _of_facet(columns: Any, event_type: str | None) -> ColumnElement[bool]:
    same: ColumnElement[bool] = columns.facet == facets.c.id
    return same if event_type is None else and_(columns.event_type == event_type, same)


def _each(types: list[str]) -> list[str | None]:
    """The event types to ask for one by one; None is any."""
    return [*types] or [None]
