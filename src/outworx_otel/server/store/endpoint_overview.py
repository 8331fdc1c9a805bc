"""How every endpoint does over a range of time, from rollups and from what the writer keeps of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from outworx_otel.server.problems.judging import EndpointKey
from outworx_otel.server.problems.state import (
    EndpointsOverview,
    EndpointState,
    EventCounts,
    Learnt,
    ServiceClock,
    learnt_of,
)
from outworx_otel.server.store.endpoints import COLUMNS, Endpoint, of_rows
from outworx_otel.server.store.overview import rolled_up, total_of, whole_slots
from outworx_otel.server.store.packing import facet_text
from outworx_otel.server.store.schema import clocks, deliveries, endpoints, events, facets, problems

_SECOND: Final = 10**9
_GOOD: Final = frozenset({"accepted", "unprotected"})
_BAD: Final = frozenset({"refused", "failed", "silent_drop", "error"})
_BEFORE_THE_HANDLER: Final = ("unrouted", "redirected", "turned_away")
# Each is of an event, unless it was not proved genuine.
_OF_EVENTS: Final = _GOOD | _BAD | {"replayed", "in_flight", "deferred"}
_MOST_COUNTED: Final = 20_000


def endpoint_overview(
    connection: Connection, since_ns: int, until_ns: int, service: str | None, now_ns: int
) -> EndpointsOverview:
    """See `Store.endpoints`."""
    span = whole_slots(connection, since_ns, until_ns, now_ns)
    chosen = [] if service is None else [facets.c.service == facet_text(service)]
    known = {row.id: row for row in connection.execute(select(facets).where(*chosen)).all()}
    counts: defaultdict[EndpointKey, Counter[tuple[str, str]]] = defaultdict(Counter)
    for _, number, total, _, _ in rolled_up(connection, span, 366 * 86_400, bool(chosen), chosen):
        facet = known.get(number)
        if total and facet is not None:
            key = EndpointKey(facet.service, facet.environment, facet.provider, facet.route)
            counts[key][facet.outcome, facet.reason] += total
    during = span.since * _SECOND, span.until * _SECOND
    of_service = [] if service is None else [endpoints.c.service == facet_text(service)]
    rows = of_rows(connection.execute(select(*COLUMNS).where(*of_service)).all())
    reasons, genuine = _proved(connection, during)
    pending, failed = _deferred(connection, during)
    shown: list[EndpointState] = []
    for row in rows:
        of_it = counts.get(row.key, Counter())
        rejected = sum(
            number for (outcome, reason), number in of_it.items() if (outcome, reason) in reasons[row.id]
        )
        bad = sum(number for (outcome, _), number in of_it.items() if outcome in _BAD)
        bad += rejected + genuine[row.id] + failed[row.id]
        deferred = sum(number for (outcome, _), number in of_it.items() if outcome == "deferred")
        good = sum(number for (outcome, _), number in of_it.items() if outcome in _GOOD)
        good += max(deferred - pending[row.id] - failed[row.id], 0)
        learnt = learnt_of(row.rhythm)
        usual = None if learnt is None else learnt.expected(since_ns / 1e9, until_ns / 1e9)
        shown.append(_state(row, of_it.total() or genuine[row.id], good, bad, usual, learnt))
    shown.sort(key=lambda one: (-one.deliveries, -one.last_seen_ns))
    off = select(clocks).where(clocks.c.offset_ns != 0)
    found = [
        ServiceClock(row.service, row.environment, row.offset_ns, row.since_ns)
        for row in connection.execute(off).all()
        if service is None or row.service == facet_text(service)
    ]
    made = sum(
        number for of_it in counts.values() for (outcome, _), number in of_it.items() if outcome in _OF_EVENTS
    )
    truth = _events(connection, during, service, made)
    return EndpointsOverview(*during, shown, found, truth)


def event_counts(row: Any, made: int) -> EventCounts:
    """From the sums over events that are kept, and how many deliveries were of events."""
    return EventCounts(max(made - int(row.again or 0) - row.unhandled, 0), row.unhandled, row.ran_again)


def _state(
    row: Endpoint, total: int, good: int, bad: int, usual: float | None, learnt: Learnt | None
) -> EndpointState:
    return EndpointState(
        id=row.id,
        service=row.service,
        environment=row.environment,
        provider=row.provider,
        route=row.route,
        verified=row.is_verified,
        deliveries=total,
        success_rate=good / (good + bad) if good + bad else None,
        failures=bad,
        streak=row.streak,
        streak_since_ns=row.streak_ns if row.streak else None,
        last_good_ns=row.good_ns or None,
        last_seen_ns=row.seen_ns,
        verified_before=row.verified_ns > 0,
        unverified=row.unverified,
        usual=usual,
        silent_since_ns=row.silent_ns,
        first_ns=row.first_ns,
        heard_ns=row.heard_ns,
        learnt_ns=row.learnt_ns,
        learnt=learnt,
    )


def _proved(
    connection: Connection, during: tuple[int, int]
) -> tuple[defaultdict[int, set[tuple[str, str]]], Counter[int]]:
    """Of each endpoint: which rejections were proved genuine, and how many never reached its handler though they
    were."""
    p = problems.c
    active = and_(p.last_ns >= during[0], p.first_ns < during[1])
    reasons: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    rejected = select(p.endpoint, p.outcome, p.reason).where(active, p.outcome == "rejected")
    for row in connection.execute(rejected).all():
        reasons[row.endpoint].add((row.outcome, row.reason))
    genuine: Counter[int] = Counter()
    lost = select(p.id, p.endpoint).where(active, p.outcome.in_(_BEFORE_THE_HANDLER)).limit(200)
    of_problem = {row.id: row.endpoint for row in connection.execute(lost).all()}
    if of_problem:
        d = deliveries.c
        some = (
            select(d.problem)
            .where(d.problem.in_(list(of_problem)), d.time_ns >= during[0], d.time_ns < during[1])
            .limit(_MOST_COUNTED)
            .subquery()
        )
        query = select(some.c.problem, func.count()).group_by(some.c.problem)
        for number, count in connection.execute(query).all():
            genuine[of_problem[number]] += count
    return reasons, genuine


def _deferred(connection: Connection, during: tuple[int, int]) -> tuple[Counter[int], Counter[int]]:
    """Of each endpoint: how many deferred deliveries are still at work, and how many of them failed."""
    e = events.c
    waits = case((e.problem.is_(None), 1), else_=0)
    query = (
        select(e.endpoint, total_of(waits), total_of(1 - waits))
        .where(
            e.handled_ns.is_(None), e.first_ns >= during[0], e.first_ns < during[1], e.outcome == "deferred"
        )
        .group_by(e.endpoint)
    )
    pending: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for endpoint, at_work, ended in connection.execute(query).all():
        pending[endpoint], failed[endpoint] = at_work, ended
    return pending, failed


def _events(connection: Connection, during: tuple[int, int], service: str | None, made: int) -> EventCounts:
    e = events.c
    where: list[ColumnElement[bool]] = [e.first_ns >= during[0], e.first_ns < during[1]]
    if service is not None:
        of_service = select(endpoints.c.id).where(endpoints.c.service == facet_text(service))
        where.append(e.endpoint.in_(of_service))
    again = case((e.deliveries > 1, e.deliveries - 1), else_=0)
    query = select(
        total_of(again).label("again"),
        func.count(case((e.handled_ns.is_(None), 1))).label("unhandled"),
        func.count(case((e.runs > 1, 1))).label("ran_again"),
    ).where(*where)
    return event_counts(connection.execute(query).one(), made)
