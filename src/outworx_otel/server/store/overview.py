"""Computes the figures of a time range from rollups, whose cost does not grow with the deliveries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from outworx_otel.server.model import EndpointFigures, Filter, Overview, Slot, Tally
from outworx_otel.server.problems.judging import EndpointKey
from outworx_otel.server.proof import proof_of
from outworx_otel.server.store.duration_counts import DurationCounts
from outworx_otel.server.store.endpoint_states import (
    KnownEndpoint,
    Slots,
    added,
    clocks_off,
    cover,
    covering,
    endpoint_states,
    event_counts,
    repeats,
    total_of,
)
from outworx_otel.server.store.facets import ENDPOINT
from outworx_otel.server.store.figures import FINE_SECONDS
from outworx_otel.server.store.newest import chosen_facets
from outworx_otel.server.store.schema import LEVELS, endpoint_figures, facets, rollups
from outworx_otel.server.store.slot_sums import SumReader
from outworx_otel.telemetry.outcomes import Outcome

MAX_ENDPOINTS: Final = 500
_MAX_SLOTS: Final = 73
_STEPS: Final = (300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
OF_EVENTS: Final = frozenset(
    {
        "accepted",
        "unprotected",
        "refused",
        "failed",
        "silent_drop",
        "error",
        "replayed",
        "in_flight",
        "deferred",
    }
)
"""Each is of an event, unless it was not proved genuine."""

_DUPLICATES: Final = ("replayed", "in_flight")
_SECOND: Final = 10**9
_LONGEST: Final = 366 * 86_400


class _Span(NamedTuple):
    """A time in seconds, made of whole slots of the finest level that is kept of it."""

    since: int
    until: int
    finest: int


def overview(
    connection: Connection,
    sums: SumReader,
    since_ns: int,
    until_ns: int,
    wanted: Filter,
    now_ns: int,
    *,
    rates: bool = False,
) -> Overview:
    """See `Store.overview`."""
    span = whole_slots(connection, since_ns, until_ns, now_ns)
    step = _step(span)
    only = {name: getattr(wanted, name) for name in ENDPOINT}
    chosen = chosen_facets(msgspec.convert(only, Filter))
    known = _facets_of(connection, chosen)
    slots: defaultdict[int, dict[Outcome, int]] = defaultdict(dict)
    for begins, outcome, deliveries in _outcomes_in_steps(connection, sums, span, step, chosen):
        slots[begins][outcome] = deliveries
    outcomes: Counter[Outcome] = Counter()
    reasons: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    endpoints: defaultdict[EndpointKey, _Endpoint] = defaultdict(_Endpoint)
    counted = 0.0
    for number, deliveries, counts, last_ns in sums.by_facet(days_of(span)):
        if (facet := known.get(number)) is None:
            # Without its facet it is of none that was chosen.
            counted += 0.0 if chosen else counts
            continue
        counted += counts
        if not deliveries:
            continue
        outcomes[facet.outcome] += deliveries
        reasons[facet.reason] += deliveries
        causes[facet.cause] += deliveries
        duplicates[facet.idempotency] += deliveries
        endpoints[facet.key].add(facet, deliveries, last_ns)
    of_endpoint = {facet.endpoint: endpoints[facet.key] for facet in known.values()}
    times = DurationCounts()
    for number, lasted in sums.durations(days_of(span)).items():
        if (endpoint := of_endpoint.get(number)) is not None:
            endpoint.times += lasted
        elif chosen:
            continue
        times += lasted
    total = outcomes.total()
    made = sum(number for outcome, number in outcomes.items() if outcome in OF_EVENTS)
    states = endpoint_states(connection, span.since, span.until, span.finest, wanted)
    judged = _judged_in_steps(connection, span, step, states if chosen else None, rates=rates)
    # Where strangers alone have come there is no endpoint.
    keys = [
        *states,
        *(key for key, one in endpoints.items() if one.total and key.route and key not in states),
    ]
    shown = sorted(
        (endpoints[key].figures(key, states.get(key)) for key in keys),
        key=lambda figures: (not figures.streak, -figures.total, -figures.last_ns),
    )
    p50_ns, p95_ns = times.percentiles(0.5, 0.95)
    return Overview(
        since=span.since * _SECOND,
        until=span.until * _SECOND,
        step_ns=step * _SECOND,
        slots=[
            Slot(begins * _SECOND, slots[begins], *judged.get(begins, (0, 0)))
            for begins in _beginnings(span, step)
        ],
        total=total,
        outcomes=dict(outcomes),
        tally=added(state.tally for state in states.values()),
        before=added(state.before for state in states.values()),
        p50_ns=p50_ns,
        p95_ns=p95_ns,
        reasons=_named(reasons),
        causes=_named(causes),
        duplicates={name: duplicates[name] for name in _DUPLICATES if duplicates[name]},
        endpoints=shown[:MAX_ENDPOINTS],
        events=event_counts(connection, span.since, span.until, states.values() if chosen else None, made),
        repeats=repeats(connection, span.since * _SECOND, states.values()),
        clocks=clocks_off(connection, wanted),
        counted=round(counted),
    )


class _Facet(NamedTuple):
    """What is told apart, as plain values: thousands of rows are looked up here."""

    endpoint: int
    key: EndpointKey
    outcome: Any
    reason: str
    cause: str
    idempotency: str


def _facets_of(connection: Connection, chosen: list[ColumnElement[bool]]) -> dict[int, _Facet]:
    f = facets.c
    columns = (f.outcome, f.reason, f.cause, f.idempotency)
    query = select(f.id, f.endpoint, f.service, f.environment, f.provider, f.route, *columns).where(*chosen)
    return {
        id: _Facet(endpoint, EndpointKey(service, environment, provider, route), *more)
        for id, endpoint, service, environment, provider, route, *more in connection.execute(query).all()
    }


class _Endpoint:
    """Of what the deliveries say by themselves, whoever sent them."""

    def __init__(self) -> None:
        self.total = self.failures = self.drops = self.duplicates = self.last_ns = 0
        self.times = DurationCounts()

    def add(self, facet: _Facet, deliveries: int, last_ns: int) -> None:
        self.total += deliveries
        self.failures += deliveries if facet.reason else 0
        self.drops += deliveries if facet.outcome == "silent_drop" else 0
        self.duplicates += deliveries if facet.idempotency in _DUPLICATES else 0
        self.last_ns = max(self.last_ns, last_ns)

    def figures(self, key: EndpointKey, state: KnownEndpoint | None) -> EndpointFigures:
        """With what was judged of it."""
        row = None if state is None else state.endpoint
        proof = proof_of(None if row is None else row.proof)
        p50_ns, p95_ns = self.times.percentiles(0.5, 0.95)
        return EndpointFigures(
            service=key.service,
            environment=key.environment or None,
            provider=key.provider,
            route=key.route or None,
            verified=None if row is None else row.is_verified,
            kind=proof.kind,
            secrets=proof.secrets,
            total=self.total,
            tally=Tally() if state is None else state.tally,
            before=Tally() if state is None else state.before,
            usual=None if state is None else state.usual,
            streak=0 if row is None else row.streak,
            streak_ns=row.streak_ns if row is not None and row.streak else None,
            good_ns=None if row is None else row.good_ns or None,
            last_ns=self.last_ns if row is None else max(row.seen_ns, self.last_ns),
            p50_ns=p50_ns,
            p95_ns=p95_ns,
            signature_failures=self.failures,
            silent_drops=self.drops,
            duplicates=self.duplicates,
        )


def whole_slots(connection: Connection, since_ns: int, until_ns: int, now_ns: int) -> _Span:
    """The range in slots that are kept of it."""
    since, until = since_ns // _SECOND, -(-until_ns // _SECOND)
    days = rollups.c.level == LEVELS[-1]
    # Each by itself is at an end of the index.
    ends = (select(end(rollups.c.slot)).where(days).scalar_subquery() for end in (func.min, func.max))
    first, last = connection.execute(select(*ends)).one()
    # A query from 0 to the end of time is narrowed to the time in which there is data.
    until = max(min(until, max(now_ns // _SECOND, (last or 0)) + LEVELS[-1]), 0)
    if until - since > _LONGEST:
        since = until - LEVELS[-1] if first is None else max(since, first)
    since = min(since, until)
    finest = LEVELS[0] if since * _SECOND >= now_ns - FINE_SECONDS * _SECOND else LEVELS[1]
    return _Span(since // finest * finest, -(-until // finest) * finest, finest)


def _step(span: _Span) -> int:
    for step in _STEPS:
        if step >= span.finest and (span.until - span.since) <= step * (_MAX_SLOTS - 1):
            return step
    # Years: whole multiples of the longest.
    return -(-(span.until - span.since) // (_STEPS[-1] * (_MAX_SLOTS - 1))) * _STEPS[-1]


def _beginnings(span: _Span, step: int) -> range:
    return range(span.since // step * step, span.until, step)


def days_of(span: _Span) -> list[Slots]:
    """The slots that make it up, days where they can be."""
    return list(cover(span.since, span.until, span.finest, LEVELS[-1]))


def _outcomes_in_steps(
    connection: Connection, sums: SumReader, span: _Span, step: int, chosen: list[ColumnElement[bool]]
) -> Sequence[Any]:
    """Deliveries by the beginning of each step and outcome."""
    ranges = list(cover(span.since, span.until, span.finest, step))
    if not chosen:
        return sums.outcomes(ranges, step)
    only = rollups.c.facet.in_(select(facets.c.id).where(*chosen))
    rows = covering(rollups, ranges, ("slot", "facet", "deliveries"), only)
    if rows is None:
        return []
    begins = (rows.c.slot - rows.c.slot % step).label("begins")
    query = select(begins, facets.c.outcome, total_of(rows.c.deliveries))
    query = query.join_from(rows, facets, facets.c.id == rows.c.facet).where(rows.c.deliveries > 0)
    return connection.execute(query.group_by(begins, facets.c.outcome)).all()


def _judged_in_steps(
    connection: Connection,
    span: _Span,
    step: int,
    only: Mapping[EndpointKey, KnownEndpoint] | None,
    *,
    rates: bool,
) -> dict[int, tuple[int, int]]:
    """How many were good and how many bad, by the beginning of each step; nothing unless it is asked for.

    Args:
        only: of these endpoints; None: of all.
    """
    slots = cover(span.since, span.until, span.finest, step) if rates else ()
    where = (
        [] if only is None else [endpoint_figures.c.endpoint.in_([one.endpoint.id for one in only.values()])]
    )
    figures = covering(endpoint_figures, slots, ("slot", "good", "bad"), *where)
    if figures is None:
        return {}
    f = figures.c
    begins = (f.slot - f.slot % step).label("begins")
    query = select(begins, total_of(f.good), total_of(f.bad)).group_by(begins)
    return {at: (good, bad) for at, good, bad in connection.execute(query)}


def _named(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.most_common() if name}
