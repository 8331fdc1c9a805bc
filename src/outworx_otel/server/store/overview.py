"""Computes the figures of a time range from rollups, whose cost does not grow with the deliveries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, and_, cast, func, select

from outworx_otel.server.model import EndpointFigures, Filter, Overview, Slot
from outworx_otel.server.store.delivery_pages import chosen_facets
from outworx_otel.server.store.facets import ENDPOINT
from outworx_otel.server.store.figures import FINE_SECONDS, duration_of
from outworx_otel.server.store.schema import LEVELS, durations, facets, rollups
from outworx_otel.telemetry.outcomes import Outcome

MAX_ENDPOINTS: Final = 200
_MAX_SLOTS: Final = 73
_STEPS: Final = (300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
_SUCCESSES: Final = frozenset({"accepted", "unprotected", "replayed", "deferred"})
# No handler saw them and anyone may have sent them: they are shown, and do not count in a rate.
_NO_DELIVERIES: Final = frozenset({"handshake", "unrouted", "redirected", "turned_away"})
_DUPLICATES: Final = ("replayed", "in_flight")
_SECOND: Final = 10**9
_LONGEST: Final = 366 * 86_400


def total_of(column: ColumnElement[int]) -> ColumnElement[int]:
    """A sum as a whole number: PostgreSQL makes a decimal one of it."""
    return cast(func.sum(column), BigInteger)


class _Span(NamedTuple):
    """A time in seconds, made of whole slots of the finest level that is kept of it."""

    since: int
    until: int
    finest: int


def overview(connection: Connection, since_ns: int, until_ns: int, wanted: Filter, now_ns: int) -> Overview:
    """See `Store.overview`."""
    span = whole_slots(connection, since_ns, until_ns, now_ns)
    step = _step(span)
    only = {name: getattr(wanted, name) for name in ENDPOINT}
    chosen = chosen_facets(msgspec.convert(only, Filter))
    known = {row.id: row for row in connection.execute(select(facets).where(*chosen)).all()}
    slots: defaultdict[int, Counter[Outcome]] = defaultdict(Counter)
    outcomes: Counter[Outcome] = Counter()
    reasons: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    endpoints: defaultdict[tuple[str, str], _Endpoint] = defaultdict(_Endpoint)
    counted = 0.0
    for begins, number, deliveries, counts, last_ns in rolled_up(
        connection, span, step, bool(chosen), chosen
    ):
        counted += counts
        if not deliveries or (facet := known.get(number)) is None:
            continue
        slots[begins][facet.outcome] += deliveries
        outcomes[facet.outcome] += deliveries
        reasons[facet.reason] += deliveries
        causes[facet.cause] += deliveries
        duplicates[facet.idempotency] += deliveries
        endpoints[facet.provider, facet.route].add(facet, deliveries, last_ns)
    of_endpoint = {facet.endpoint: endpoints[facet.provider, facet.route] for facet in known.values()}
    times: Counter[int] = Counter()
    for number, bucket, deliveries in _timed(connection, span, of_endpoint if chosen else None):
        times[bucket] += deliveries
        if (endpoint := of_endpoint.get(number)) is not None:
            endpoint.times[bucket] += deliveries
    total = outcomes.total()
    shown = sorted(
        (endpoint.figures(*key) for key, endpoint in endpoints.items() if endpoint.total),
        key=lambda figures: -figures.total,
    )
    return Overview(
        since=span.since * _SECOND,
        until=span.until * _SECOND,
        step_ns=step * _SECOND,
        slots=[Slot(begins * _SECOND, dict(slots[begins])) for begins in _beginnings(span, step)],
        total=total,
        outcomes=dict(outcomes),
        success_rate=_rate(outcomes),
        p50_ns=_percentile(times, 0.5),
        p95_ns=_percentile(times, 0.95),
        reasons=_named(reasons),
        causes=_named(causes),
        duplicates={name: duplicates[name] for name in _DUPLICATES if duplicates[name]},
        endpoints=shown[:MAX_ENDPOINTS],
        counted=round(counted),
    )


class _Endpoint:
    def __init__(self) -> None:
        self.total = self.failures = self.drops = self.duplicates = self.last_ns = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.times: Counter[int] = Counter()

    def add(self, facet: Any, deliveries: int, last_ns: int) -> None:
        self.total += deliveries
        self.outcomes[facet.outcome] += deliveries
        self.failures += deliveries if facet.reason else 0
        self.drops += deliveries if facet.outcome == "silent_drop" else 0
        self.duplicates += deliveries if facet.idempotency in _DUPLICATES else 0
        self.last_ns = max(self.last_ns, last_ns)

    def figures(self, provider: str, route: str) -> EndpointFigures:
        return EndpointFigures(
            provider=provider,
            route=route or None,
            total=self.total,
            success_rate=_rate(self.outcomes),
            p50_ns=_percentile(self.times, 0.5),
            p95_ns=_percentile(self.times, 0.95),
            signature_failures=self.failures,
            silent_drops=self.drops,
            duplicates=self.duplicates,
            last_ns=self.last_ns,
        )


def cover(since: int, until: int, finest: int, coarsest: int) -> Iterator[tuple[int, int, int]]:
    """Returns the slots that make up a time range (level, from, to): large in the middle, small at the ends."""
    levels = [level for level in LEVELS if finest <= level <= coarsest]
    yield from _cover(since, until, levels)


def _cover(since: int, until: int, levels: list[int]) -> Iterator[tuple[int, int, int]]:
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


def whole_slots(connection: Connection, since_ns: int, until_ns: int, now_ns: int) -> _Span:
    """The range in slots that are kept of it."""
    since, until = since_ns // _SECOND, -(-until_ns // _SECOND)
    first, last = connection.execute(
        select(func.min(rollups.c.slot), func.max(rollups.c.slot)).where(rollups.c.level == LEVELS[-1])
    ).one()
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


def rolled_up(
    connection: Connection, span: _Span, step: int, only_chosen: bool, chosen: list[ColumnElement[bool]]
) -> Iterator[Any]:
    """Sums by the beginning of each step and facet: deliveries, what metrics counted, and the last one's time."""
    r = rollups.c
    begins = (r.slot - r.slot % step).label("begins")
    sums = (total_of(r.deliveries), func.sum(r.counted), func.max(r.last_ns))
    for level, since, until in cover(span.since, span.until, span.finest, step):
        during = and_(r.level == level, r.slot >= since, r.slot < until)
        query = select(begins, r.facet, *sums).where(during).group_by(begins, r.facet)
        if only_chosen:
            query = query.where(r.facet.in_(select(facets.c.id).where(*chosen)))
        yield from connection.execute(query).all()


def _timed(connection: Connection, span: _Span, only: dict[int, Any] | None) -> Iterator[Any]:
    d = durations.c
    for level, since, until in cover(span.since, span.until, span.finest, LEVELS[-1]):
        during = and_(d.level == level, d.slot >= since, d.slot < until)
        query = (
            select(d.endpoint, d.bucket, total_of(d.deliveries)).where(during).group_by(d.endpoint, d.bucket)
        )
        for row in connection.execute(query).all():
            if only is None or row[0] in only:
                yield row


def _percentile(times: Counter[int], part: float) -> int | None:
    left = times.total() * part
    for bucket in sorted(times):
        left -= times[bucket]
        if left <= 0:
            return duration_of(bucket)
    return None


def _rate(outcomes: Counter[Outcome]) -> float | None:
    total = sum(number for name, number in outcomes.items() if name not in _NO_DELIVERIES)
    good = sum(number for name, number in outcomes.items() if name in _SUCCESSES)
    return good / total if total else None


def _named(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.most_common() if name}
