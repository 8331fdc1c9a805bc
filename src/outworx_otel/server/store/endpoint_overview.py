"""How every endpoint does over a range of time, for JSON and for the rules: the same figures as the page's."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import Connection, select

from outworx_otel.server.model import Filter
from outworx_otel.server.problems.judging import EndpointKey
from outworx_otel.server.problems.state import EndpointsOverview, EndpointState, learnt_of
from outworx_otel.server.proof import proof_of
from outworx_otel.server.store import endpoint_states
from outworx_otel.server.store.overview import OF_EVENTS, days_of, whole_slots
from outworx_otel.server.store.packing import facet_text
from outworx_otel.server.store.schema import facets
from outworx_otel.server.store.slot_sums import SumReader

_SECOND: Final = 10**9


def endpoint_overview(
    connection: Connection, sums: SumReader, since_ns: int, until_ns: int, service: str | None, now_ns: int
) -> EndpointsOverview:
    """See `Store.endpoints`."""
    span, wanted = whole_slots(connection, since_ns, until_ns, now_ns), Filter(service=service)
    chosen = [] if service is None else [facets.c.service == facet_text(service)]
    known = {row.id: row for row in connection.execute(select(facets).where(*chosen)).all()}
    totals: Counter[EndpointKey] = Counter()
    made = 0
    for number, total, _, _ in sums.by_facet(days_of(span)):
        facet = known.get(number)
        if total and facet is not None:
            totals[EndpointKey(facet.service, facet.environment, facet.provider, facet.route)] += total
            made += total if facet.outcome in OF_EVENTS else 0
    states = endpoint_states.endpoint_states(connection, span.since, span.until, span.finest, wanted)
    shown = [_state(state, totals[key] or state.tally.arrived) for key, state in states.items()]
    shown.sort(key=lambda one: (-one.deliveries, -one.last_seen_ns))
    of_service = None if service is None else states.values()
    return EndpointsOverview(
        span.since * _SECOND,
        span.until * _SECOND,
        shown,
        endpoint_states.clocks_off(connection, wanted),
        endpoint_states.event_counts(connection, span.since, span.until, of_service, made),
    )


def _state(state: endpoint_states.KnownEndpoint, total: int) -> EndpointState:
    row, tally = state.endpoint, state.tally
    return EndpointState(
        id=row.id,
        service=row.service,
        environment=row.environment,
        provider=row.provider,
        route=row.route,
        verified=row.is_verified,
        deliveries=total,
        success_rate=tally.rate,
        failures=tally.bad,
        streak=row.streak,
        streak_since_ns=row.streak_ns if row.streak else None,
        last_good_ns=row.good_ns or None,
        last_seen_ns=row.seen_ns,
        verified_before=row.verified_ns > 0,
        unverified=row.unverified,
        usual=state.usual,
        silent_since_ns=row.silent_ns,
        first_ns=row.first_ns,
        heard_ns=row.heard_ns,
        learnt_ns=row.learnt_ns,
        learnt=learnt_of(row.rhythm),
        proof=proof_of(row.proof),
    )
