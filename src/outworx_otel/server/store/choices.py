"""What filters can be set to."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import Connection, select

from outworx_otel.server.model import Choices
from outworx_otel.server.store.endpoint_states import total_of
from outworx_otel.server.store.schema import LEVELS, event_types, facets
from outworx_otel.server.store.slot_sums import SumReader

MAX_OF_EACH: Final = 200
_EVER: Final = 2**62
_KINDS: Final = ("provider", "route", "reason", "cause", "service", "environment")


def choices(connection: Connection, sums: SumReader, now_ns: int) -> Choices:
    """The values that occur, the most frequent first."""
    today = now_ns // (LEVELS[-1] * 10**9) * LEVELS[-1]
    days = [(LEVELS[-1], 0, today), (LEVELS[-1], today, _EVER)]
    deliveries = {one.facet: one.deliveries for one in sums.by_facet(days)}
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in _KINDS}
    query = select(facets.c.id, *(facets.c[kind] for kind in _KINDS))
    for number, *values in connection.execute(query).all():
        if of_it := deliveries.get(number):
            for kind, value in zip(_KINDS, values, strict=True):
                if value:
                    counts[kind][value] += of_it
    e = event_types.c
    frequent = total_of(e.deliveries).desc()
    types = select(e.event_type).group_by(e.event_type).order_by(frequent, e.event_type).limit(MAX_OF_EACH)
    return Choices(
        providers=_most(counts["provider"]),
        event_types=list(connection.execute(types).scalars()),
        routes=_most(counts["route"]),
        reasons=_most(counts["reason"]),
        causes=_most(counts["cause"]),
        services=_most(counts["service"]),
        environments=_most(counts["environment"]),
    )


def _most(values: Counter[str]) -> list[str]:
    return [value for value, _ in values.most_common(MAX_OF_EACH)]
