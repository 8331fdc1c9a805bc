"""What filters can be set to."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import Connection, select

from outworx_otel.server.model import Choices
from outworx_otel.server.store.endpoint_states import total_of
from outworx_otel.server.store.schema import LEVELS, event_types, facets, rollups

MAX_OF_EACH: Final = 200
_KINDS: Final = ("provider", "route", "reason", "cause", "service", "environment")


def choices(connection: Connection) -> Choices:
    """The values that occur, the most frequent first."""
    r = rollups.c
    by_facet = (
        select(r.facet, total_of(r.deliveries).label("deliveries"))
        .where(r.level == LEVELS[-1], r.deliveries > 0)
        .group_by(r.facet)
        .subquery()
    )
    columns = [facets.c[kind] for kind in _KINDS]
    query = select(by_facet.c.deliveries, *columns).join(by_facet, by_facet.c.facet == facets.c.id)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in _KINDS}
    for row in connection.execute(query).all():
        for kind, value in zip(_KINDS, row[1:], strict=True):
            if value:
                counts[kind][value] += row[0]
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
