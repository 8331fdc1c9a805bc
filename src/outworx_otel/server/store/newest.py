"""Finds the newest deliveries of a filter. Whatever the filter, few more rows are read than are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Join, Select, and_, func, or_, select, true, tuple_
from sqlalchemy.ext.compiler import compiles

from outworx_otel.server.fields import BY_NAME, FACETED
from outworx_otel.server.model import RAN, Filter
from outworx_otel.server.store.packing import facet_text, text
from outworx_otel.server.store.partitions import (
    DAY_NS,
    begins_ns,
    firsts_of,
    is_partitioned,
    numbers_since,
    oldest_with,
)
from outworx_otel.server.store.places import LAST, PageStart, range_of
from outworx_otel.server.store.schema import deliveries, endpoints, facets

NEWEST_FIRST: Final = (deliveries.c.time_ns.desc(), deliveries.c.seq.desc())
# Days of arrival that are looked through first; then twice as many, and so on.
_DAYS_AT_FIRST: Final = 3
Found = TypeVar("Found", bound=tuple[Any, ...])


def newest(
    connection: Connection, chosen: Any, event_types: Sequence[str], during: During, limit: int
) -> list[PageStart]:
    """The newest deliveries of the chosen facets and, where some are named, of these event types."""
    return in_parts(
        connection, during, limit, lambda part: _newest(connection, chosen, event_types, part, limit)
    )


def _newest(
    connection: Connection, chosen: Any, event_types: Sequence[str], during: During, limit: int
) -> list[PageStart]:
    query_of = newest_of_each_facet[connection.dialect.name]
    if not event_types:
        return read_places(connection, query_of(chosen, None, during, limit))
    # Of each type alone the index is in the order of pages.
    each = (read_places(connection, query_of(chosen, one, during, limit)) for one in event_types)
    return sorted((place for found in each for place in found), reverse=True)[:limit]


def newest_places(connection: Connection, wanted: Filter, during: During, limit: int) -> list[PageStart]:
    """The newest deliveries of a filter, whatever it searches for."""
    chosen, types = chosen_facets(wanted), event_types_of(wanted)

    def read(part: During) -> list[PageStart]:
        if wanted.problem is not None:
            query = of_problem(wanted).where(part.condition())
            return read_places(connection, query.order_by(*NEWEST_FIRST).limit(limit))
        if not chosen and not types:
            return read_places(connection, newest_of_all(part, limit))
        return _newest(connection, and_(true(), *chosen), types, part, limit)

    return in_parts(connection, during, limit, read)


def in_parts(
    connection: Connection, during: During, limit: int, read: Callable[[During], list[Found]]
) -> list[Found]:
    """The first rows of a time, newest first: from the last days' parts, and from others until there are enough.

    Args:
        read: gives the first `limit` rows of a time, in their order; each begins with a time and a number.
    """
    found: list[Found] = []
    for part, complete_from in parts_of_time(connection, during):
        some = read(part)
        found = sorted([*found, *some], reverse=True)[:limit] if found else some
        if len(found) >= limit and found[-1][0] >= complete_from:
            break
    return found


def parts_of_time(connection: Connection, during: During) -> Iterator[tuple[During, int]]:
    """A time by days of arrival, the last first; with each, from which time on the others hold nothing.

    Where a database keeps everything in one table, it is the whole time at once.
    """
    firsts = firsts_of(connection) if is_partitioned(connection) else []
    if not firsts:
        yield during, -LAST
        return
    lowest = oldest_with(firsts, during.since)
    at, days, end = oldest_with(firsts, during.before.time_ns), _DAYS_AT_FIRST, None
    while True:
        begins = max(at - days + 1, lowest)
        complete_from = begins_ns(firsts[begins]) + DAY_NS if begins > lowest else -LAST
        yield during._replace(first=firsts[begins], end=end), complete_from
        if begins <= lowest:
            return
        at, days, end = begins - 1, 2 * days, firsts[begins]


def recent_enough(connection: Connection, during: During) -> During:
    """The same time, without the days of arrival that are too old for it, where a database keeps them apart."""
    if not is_partitioned(connection):
        return during
    return during._replace(first=numbers_since(connection, during.since))


def of_problem(wanted: Filter) -> Select[Any]:
    """The deliveries of a problem that the rest of the filter lets through, of whatever time."""
    d = deliveries.c
    query = select(d.time_ns, d.seq).where(d.problem == wanted.problem)
    if chosen := chosen_facets(wanted):
        query = query.join(facets, facets.c.id == d.facet).where(*chosen)
    if types := event_types_of(wanted):
        query = query.where(d.event_type.in_(types))
    return query


def newest_of_all(during: During, limit: int) -> Select[Any]:
    """Of whatever facet and type."""
    d = deliveries.c
    query = select(d.time_ns, d.seq).where(during.condition())
    return query.order_by(d.time_ns.desc(), d.seq.desc()).limit(limit)


def chosen_facets(wanted: Filter) -> list[ColumnElement[bool]]:
    """Which facets a filter asks for; nothing where it does not care."""
    chosen: list[ColumnElement[bool]] = [
        facets.c[name].in_([facet_text(value) for value in values])
        for name in FACETED
        if (values := wanted.any_of(name))
    ]
    if wanted.unverified:
        # Else every delivery would be looked at where all are verified.
        e = endpoints.c
        same = (facets.c[name] == e[name] for name in ("service", "environment", "provider"))
        ran = select(e.id).where(e.unverified_ns > 0, *same).correlate(facets).exists()
        chosen += [facets.c.outcome.in_(RAN), or_(facets.c.overflow, ran)]
    return chosen


def event_types_of(wanted: Filter) -> list[str]:
    """Which event types a filter asks for, each once, as the column has them."""
    types = (text(one, BY_NAME["event_type"].longest) or "" for one in wanted.any_of("event_type"))
    return list(dict.fromkeys(types))


class During(NamedTuple):
    """From `since` (Unix nanoseconds, included) to a place that is not; perhaps only what was not verified.

    Args:
        first: only what has this number or a higher one.
        end: only what has a lower number.
        last: the last place that is in it, where one of that time is not.
    """

    before: PageStart
    since: int
    unverified: bool = False
    first: int | None = None
    end: int | None = None
    last: PageStart | None = None

    @classmethod
    def of(cls, wanted: Filter, after: PageStart) -> During:
        """The time of a filter, as far as it comes after a place in the order of pages."""
        return cls(*range_of(wanted, after), wanted.unverified)

    @property
    def is_all(self) -> bool:
        """Whether every delivery is in it."""
        return (self.before.time_ns, self.since, self.unverified) == (LAST, -LAST, False)

    def condition(self, columns: Any = deliveries.c, since: Any = None) -> ColumnElement[bool]:
        """As SQL, of the given columns and from another time on."""
        begins = columns.time_ns >= (self.since if since is None else since)
        until = tuple_(columns.time_ns, columns.seq) < tuple_(*self.before)
        return and_(until, begins, *self.numbers(columns), *self.more(columns))

    def numbers(self, columns: Any) -> list[ColumnElement[bool]]:
        """What its number has to be, by which PostgreSQL passes over whole parts."""
        above = [] if self.first is None else [columns.seq >= self.first]
        return above if self.end is None else [*above, columns.seq < self.end]

    def down_to(self, place: PageStart) -> During:
        """The same time, and nothing of it after that place in the order of pages."""
        return self._replace(since=place.time_ns, last=place)

    def more(self, columns: Any) -> list[ColumnElement[bool]]:
        """What a delivery's row has to say beside its time."""
        more = [columns.signature_valid.is_(None)] if self.unverified else []
        return (
            more if self.last is None else [*more, tuple_(columns.time_ns, columns.seq) >= tuple_(*self.last)]
        )


class InThisOrder(Join):
    """For SQLite, the join whose left side is read first: it would take the deliveries, and all of them."""

    inherit_cache = True


@compiles(InThisOrder, "sqlite")
def _cross_join(join: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_join(join, **options)).replace(" JOIN ", " CROSS JOIN ", 1)


def _on_sqlite(chosen: Any, event_type: str | None, during: During, limit: int) -> Select[Any]:
    """Of each facet the newest, down to the time of its `limit`-th; two ranges of an index for each."""
    x, y = deliveries.alias("x"), deliveries.alias("y")

    def of_facet(columns: Any) -> ColumnElement[bool]:
        same = columns.facet == facets.c.id
        return same if event_type is None else and_(columns.event_type == event_type, same)

    oldest = (
        select(y.c.time_ns)
        .where(of_facet(y.c), during.condition(y.c))
        .order_by(y.c.time_ns.desc(), y.c.seq.desc())
        .limit(1)
        .offset(limit - 1)
        .correlate(facets)
        .scalar_subquery()
    )
    return (
        select(x.c.time_ns, x.c.seq)
        .select_from(InThisOrder(facets, x, of_facet(x.c)))
        # One lower bound: of two, the index may get the other.
        .where(chosen, during.condition(x.c, since=func.coalesce(oldest, during.since)))
        .order_by(x.c.time_ns.desc(), x.c.seq.desc())
        .limit(limit)
    )


def _on_postgresql(chosen: Any, event_type: str | None, during: During, limit: int) -> Select[Any]:
    y = deliveries.alias("y")
    same = [y.c.facet == facets.c.id, *([] if event_type is None else [y.c.event_type == event_type])]
    x = (
        select(y.c.time_ns, y.c.seq)
        .where(*same, during.condition(y.c))
        .order_by(y.c.time_ns.desc(), y.c.seq.desc())
        .limit(limit)
        .lateral("x")
    )
    query = select(x.c.time_ns, x.c.seq).select_from(facets.join(x, true())).where(chosen)
    return query.order_by(x.c.time_ns.desc(), x.c.seq.desc()).limit(limit)


newest_of_each_facet: Final[dict[str, Callable[[Any, str | None, During, int], Select[Any]]]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
}


def those_of_facets(
    connection: Connection, chosen: Any, during: During, holds: ColumnElement[bool], limit: int
) -> Select[Any]:
    """What holds something of the chosen facets' deliveries in a time, which are no more than `limit`: in no order.

    Each facet's are a range of an index. Joined in another order whole days would be read.
    """
    d = deliveries.c
    where = (d.facet == facets.c.id, during.condition(), holds)
    if connection.dialect.name == "sqlite":
        joined = InThisOrder(facets, deliveries, where[0])
        return select(d.time_ns, d.seq).select_from(joined).where(chosen, *where[1:])
    # With a limit PostgreSQL reads it for each facet.
    x = select(d.time_ns, d.seq).where(*where).limit(limit).lateral("x")
    return select(x.c.time_ns, x.c.seq).select_from(facets.join(x, true())).where(chosen)


def read_places(connection: Connection, query: Select[Any]) -> list[PageStart]:
    """Runs a query for places."""
    return [PageStart(row[0], row[1]) for row in connection.execute(query).all()]
