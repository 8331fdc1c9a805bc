"""Reads what the rules look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from outworx_otel.server.problems.snapshot import Snapshot, Waiting
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.store.endpoint_overview import endpoint_overview
from outworx_otel.server.store.endpoint_states import total_of
from outworx_otel.server.store.newest import During, recent_enough
from outworx_otel.server.store.places import FIRST
from outworx_otel.server.store.problem_queries import problems_of
from outworx_otel.server.store.schema import LEVELS, deliveries, endpoints, events, facets, problems, rollups
from outworx_otel.server.store.slot_sums import SumReader

MAX_PROBLEMS_LOOKED_AT: Final = 500
MAX_ARRIVALS: Final = 60_000
"""That a rhythm is learnt from; of more than that, some are looked at."""

_HOUR_NS: Final = 3600 * 10**9
_WEEK_NS: Final = 7 * 24 * _HOUR_NS
# Anyone can send what comes to one of these.
NOT_HEARD: Final = ("rejected", "handshake", "unrouted", "redirected", "turned_away")


def snapshot(
    connection: Connection, sums: SumReader, now_ns: int, too_long: Callable[[str], float]
) -> Snapshot:
    """One moment.

    Args:
        too_long: after how many seconds an event of a provider is unhandled for too long.
    """
    p = problems.c
    active = select(p.id).where(p.state.in_(("open", "acknowledged")))
    numbers = list(
        connection.execute(active.order_by(p.last_ns.desc()).limit(MAX_PROBLEMS_LOOKED_AT)).scalars()
    )
    # Of times that long ago there are whole hours.
    week_ends = (now_ns - _HOUR_NS) // _HOUR_NS * _HOUR_NS
    return Snapshot(
        now_ns,
        problems_of(connection, numbers),
        endpoint_overview(connection, sums, now_ns - _HOUR_NS, now_ns, None, now_ns),
        endpoint_overview(connection, sums, now_ns - _WEEK_NS, week_ends, None, now_ns),
        list(_waiting(connection, now_ns, too_long)),
    )


def _waiting(connection: Connection, now_ns: int, too_long: Callable[[str], float]) -> Iterator[Waiting]:
    by_time: defaultdict[float, list[int]] = defaultdict(list)
    for number, provider in connection.execute(select(endpoints.c.id, endpoints.c.provider)).all():
        by_time[too_long(provider)].append(number)
    e, ignored = events.c, select(problems.c.id).where(problems.c.state == "ignored")
    # Mostly there is none, and then no event's has to be looked at.
    some_are = connection.execute(ignored.limit(1)).first() is not None
    told = [e.problem.is_(None) | e.problem.not_in(ignored)] if some_are else []
    for after, numbers in by_time.items():
        unhandled = (
            select(e.endpoint, func.count(), func.min(e.first_ns))
            .where(e.handled_ns.is_(None), e.first_ns < now_ns - int(after * 1e9), e.endpoint.in_(numbers))
            .where(*told)
            .group_by(e.endpoint)
        )
        for endpoint, count, first_ns in connection.execute(unhandled).all():
            yield Waiting(endpoint, count, first_ns, after)


def sampling(connection: Connection, endpoint: EndpointState, since_ns: int) -> int:
    """One of how many deliveries is enough to learn an endpoint's rhythm from."""
    r = rollups.c
    query = select(total_of(r.deliveries)).where(
        r.level == LEVELS[-1], r.slot >= since_ns // 10**9 - LEVELS[-1], r.facet.in_(_facets_of(endpoint))
    )
    return -(-int(connection.execute(query).scalar_one() or 0) // MAX_ARRIVALS) or 1


def arrivals(
    connection: Connection, endpoint: EndpointState, since_ns: int, every: int, limit: int
) -> list[float]:
    """When deliveries came, in Unix seconds and in order: the last ones.

    Args:
        every: one of so many is looked at.
    """
    d = deliveries.c
    during = recent_enough(connection, During(FIRST, since_ns))
    found: list[int] = []
    for facet in connection.execute(_facets_of(endpoint)).scalars().all():
        query = select(d.time_ns).where(d.facet == facet, d.time_ns >= since_ns, *during.numbers(d))
        if every > 1:
            query = query.where(d.seq % every == 0)
        newest = query.order_by(d.time_ns.desc(), d.seq.desc()).limit(limit)
        found += connection.execute(newest).scalars()
    return _seconds(sorted(found)[-limit:])


def _facets_of(endpoint: EndpointState) -> Select[Any]:
    f = facets.c
    return select(f.id).where(
        f.service == endpoint.service,
        f.environment == endpoint.environment,
        f.provider == endpoint.provider,
        f.route == endpoint.route,
        f.outcome.not_in(NOT_HEARD),
    )


def _seconds(times: Sequence[int]) -> list[float]:
    return [time_ns / 1e9 for time_ns in times]
