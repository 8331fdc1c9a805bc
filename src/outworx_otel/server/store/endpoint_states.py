"""How each endpoint does, in a time and at present, out of what the writer keeps of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Subquery,
    Table,
    case,
    cast,
    func,
    or_,
    select,
    union_all,
)

from outworx_otel.server.model import EventCounts, Filter, Repeats, ServiceClock, Tally
from outworx_otel.server.problems.judging import EndpointKey
from outworx_otel.server.problems.state import learnt_of
from outworx_otel.server.store.endpoints import COLUMNS, EndpointRecord, of_rows
from outworx_otel.server.store.figures import FINE_SECONDS
from outworx_otel.server.store.packing import facet_text
from outworx_otel.server.store.schema import (
    LEVELS,
    clocks,
    endpoint_figures,
    endpoints,
    events,
    told_more_than_once,
)

OFTEN: Final = 10
"""A provider that sends one event so often is told about, whatever came of it."""

_MOST_REPEATED: Final = 500
_DAY: Final = LEVELS[2]
_WEEK_DAYS: Final = 7
_SECOND: Final = 10**9


Slots = tuple[int, int, int]
"""Those of a level from one on, in seconds, to another that is not among them."""


class KnownEndpoint(NamedTuple):
    """An endpoint and its figures; see `model.EndpointFigures`."""

    endpoint: EndpointRecord
    tally: Tally
    before: Tally
    usual: float | None


def endpoint_states(
    connection: Connection, since: int, until: int, finest: int, wanted: Filter
) -> dict[EndpointKey, KnownEndpoint]:
    """All endpoints of the filter's service, environment, provider and route.

    Args:
        since: Unix seconds, the beginning of a slot of the finest level; so is `until`.
        finest: the finest level that is kept of that time.
    """
    chosen = [
        endpoints.c[name] == facet_text(value)
        for name in EndpointKey._fields
        if (value := getattr(wanted, name)) is not None
    ]
    found = of_rows(connection.execute(select(*COLUMNS).where(*chosen)).all())
    tallies = _tallies(connection, since, until, finest)
    length = until - since
    # Of older times there may be hours alone.
    coarse = LEVELS[0] if finest == LEVELS[0] and length <= FINE_SECONDS // 3 else LEVELS[1]
    first, last = (at // coarse * coarse for at in (since - length, since))
    before = _tallies(connection, first, last, coarse)
    usual = _usual(connection, since, until)
    return {
        one.key: KnownEndpoint(
            one,
            tallies.get(one.id, Tally()),
            before.get(one.id, Tally()),
            _expected(usual, one, since)
            if (learnt := learnt_of(one.rhythm)) is None
            else learnt.expected(since, until),
        )
        for one in found
    }


def added(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    sums = dict.fromkeys(Tally.__struct_fields__, 0)
    for tally in tallies:
        for name in sums:
            sums[name] += getattr(tally, name)
    return Tally(**sums)


def event_counts(
    connection: Connection, since: int, until: int, of: Iterable[KnownEndpoint] | None, made: int
) -> EventCounts:
    """Events that came first in a time.

    Args:
        since: Unix seconds, as `until`.
        of: these endpoints alone; None: all.
        made: how many deliveries were of events then.
    """
    e = events.c
    where = [e.first_ns >= since * _SECOND, e.first_ns < until * _SECOND]
    numbers = None if of is None else [state.endpoint.id for state in of]
    # Each is read off an index that has the few events that it is about, and all that is asked for.
    more = select(
        total_of(case((e.deliveries > 1, e.deliveries - 1), else_=0)), func.count(case((e.runs > 1, 1)))
    )
    if numbers is not None:
        more = more.where(e.endpoint.in_(numbers))
    again, repeated = connection.execute(more.where(told_more_than_once, *where)).one()
    unhandled = _unhandled(connection, numbers, where)
    return EventCounts(max(made - int(again or 0) - unhandled, 0), unhandled, repeated)


def _unhandled(
    connection: Connection, numbers: Sequence[int] | None, where: Sequence[ColumnElement[bool]]
) -> int:
    """How many there are at these endpoints, or at all that an event is of."""
    e = events.c
    waiting = e.handled_ns.is_(None)
    if numbers is not None:
        counted = select(func.count()).select_from(events).where(waiting, e.endpoint.in_(numbers), *where)
        return int(connection.execute(counted).scalar_one())
    # The index is by endpoint: it leads from each to the next, and has a range of each.
    first = select(func.min(e.endpoint).label("id")).where(waiting).cte("known", recursive=True)
    onward = select(func.min(e.endpoint)).where(waiting, e.endpoint > first.c.id).scalar_subquery()
    known = first.union_all(select(onward).where(first.c.id.is_not(None)))
    counted = select(func.count()).select_from(known).join(events, e.endpoint == known.c.id)
    return int(connection.execute(counted.where(waiting, *where)).scalar_one())


def repeats(connection: Connection, since_ns: int, of: Iterable[KnownEndpoint]) -> list[Repeats]:
    """What came far too often at these endpoints since a time, or ran more than once; the most often first."""
    by_id = {state.endpoint.id: state.endpoint for state in of}
    e = events.c
    query = (
        select(e.endpoint, e.event_id, e.first_ns, e.deliveries, e.runs)
        .where(e.first_ns >= since_ns, told_more_than_once, or_(e.runs > 1, e.deliveries >= OFTEN))
        .order_by(e.deliveries.desc())
        .limit(_MOST_REPEATED)
    )
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(query).all():
        if row.endpoint in by_id:
            found[row.endpoint].append(row)
    return [
        Repeats(
            service=by_id[id].service,
            environment=by_id[id].environment or None,
            provider=by_id[id].provider,
            route=by_id[id].route or None,
            events=len(rows),
            repeated=sum(row.runs > 1 for row in rows),
            since_ns=min(row.first_ns for row in rows),
            event_id=rows[0].event_id,
            deliveries=rows[0].deliveries,
            runs=rows[0].runs,
        )
        for id, rows in found.items()
    ]


def clocks_off(connection: Connection, wanted: Filter) -> list[ServiceClock]:
    """Services whose clocks are off, the furthest first."""
    query = select(clocks).where(clocks.c.offset_ns != 0)
    for name in ("service", "environment"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(clocks.c[name] == facet_text(value))
    rows = connection.execute(query.order_by(func.abs(clocks.c.offset_ns).desc())).all()
    return [ServiceClock(row.service, row.environment, row.offset_ns, row.since_ns) for row in rows]


def total_of(column: ColumnElement[int]) -> ColumnElement[int]:
    """A sum as a whole number: PostgreSQL makes a decimal one of it."""
    return cast(func.sum(column), BigInteger)


def cover(since: int, until: int, finest: int, coarsest: int) -> Iterator[Slots]:
    """Returns the slots that make up a time range: large in the middle, small at the ends."""
    levels = [level for level in LEVELS if finest <= level <= coarsest]
    yield from _cover(since, until, levels)


def _cover(since: int, until: int, levels: list[int]) -> Iterator[Slots]:
    if since >= until:
        return
    *finer, level = levels
    first, last = -(-since // level) * level, until // level * level
    if not finer:
        yield level, since, until
    elif first >= last:
        yield from _cover(since, until, finer)
    else:
        yield from _cover(since, first, finer)
        yield level, first, last
        yield from _cover(last, until, finer)


def covering(
    table: Table, slots: Iterable[Slots], names: Iterable[str], *where: ColumnElement[bool]
) -> Subquery | None:
    """The rows of these slots, of all levels together; None where there are no slots."""
    columns = [table.c[name] for name in names]
    parts = [
        select(*columns).where(table.c.level == level, table.c.slot >= since, table.c.slot < until, *where)
        for level, since, until in slots
    ]
    return union_all(*parts).subquery() if parts else None


def _tallies(connection: Connection, since: int, until: int, finest: int) -> dict[int, Tally]:
    names = Tally.__struct_fields__
    slots = cover(since, until, finest, LEVELS[-1])
    figures = covering(endpoint_figures, slots, ("endpoint", *names))
    if figures is None:
        return {}
    f = figures.c
    query = select(f.endpoint, *(total_of(f[name]) for name in names)).group_by(f.endpoint)
    return {
        endpoint: Tally(**dict(zip(names, sums, strict=True)))
        for endpoint, *sums in connection.execute(query).all()
    }


def _usual(connection: Connection, since: int, until: int) -> dict[int, int] | None:
    """Deliveries of the week before: all of it for a day, of an hour those of the same hour. None for more."""
    hour, length = LEVELS[1], until - since
    if length > _DAY + hour:
        return None
    first = since // hour * hour
    week = first - _WEEK_DAYS * _DAY
    if length <= 2 * hour:
        slots = [(hour, at, at + hour) for at in range(week, first, _DAY)]
    else:
        slots = list(cover(week, first, hour, _DAY))
    figures = covering(endpoint_figures, slots, ("endpoint", "arrived"))
    if figures is None:
        return {}
    query = select(figures.c.endpoint, total_of(figures.c.arrived)).group_by(figures.c.endpoint)
    return {row[0]: row[1] for row in connection.execute(query).all()}


def _expected(usual: dict[int, int] | None, endpoint: EndpointRecord, since: int) -> float | None:
    days = min((since - endpoint.first_ns // _SECOND) // _DAY, _WEEK_DAYS)
    return None if usual is None or days < 1 else usual.get(endpoint.id, 0) / days
