"""Facets: each combination of `fields.FACETED`, with a number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, select

from outworx_otel.server.fields import FACETED
from outworx_otel.server.store.packing import FacetKey
from outworx_otel.server.store.schema import LEVELS, facets, rollups
from outworx_otel.server.store.tallies import FACETS_REMOVED, add_to_tally, tally

MAX_FACETS: Final = 4000
"""Beyond it a combination is filed under `OTHER`: no sender's invention can make lists and figures slow."""

OTHER: Final = "_OTHER"

ENDPOINT: Final = ("provider", "route", "service", "environment")
"""What makes an endpoint."""


class Facet(NamedTuple):
    """Numbers of a facet and of its endpoint, and what it is: `overflow` where it stands for others."""

    id: int
    endpoint: int
    key: FacetKey
    overflow: bool = False


class Facets:
    """The numbers that are known, for the writer.

    Args:
        limit: how many there may be; as many again stand for the others.
    """

    def __init__(self, limit: int = MAX_FACETS) -> None:
        self._limit = limit
        self._known: dict[FacetKey, Facet] = {}
        self._new: dict[FacetKey, Facet] = {}
        self._removed = 0

    def begin(self) -> None:
        """Starts a transaction: forgets what was found in one that failed."""
        self._new = {}

    def commit(self) -> None:
        """Keeps what was found in the transaction, which is durable now."""
        if len(self._known) < 2 * self._limit:
            self._known.update(self._new)
        self._new = {}

    def numbers(self, connection: Connection, keys: Iterable[FacetKey]) -> dict[FacetKey, Facet]:
        """Returns the number of each facet; new ones become rows."""
        removed = tally(connection, FACETS_REMOVED)
        if removed != self._removed:
            # Another process did so when it started.
            self._known, self._removed = {}, removed
        found: dict[FacetKey, Facet] = {}
        for key in dict.fromkeys(keys):
            facet = self._known.get(key) or self._new.get(key) or self._look(connection, key)
            found[key] = self._new[key] = facet
        return found

    def _look(self, connection: Connection, key: FacetKey) -> Facet:
        facet = _stored(connection, key)
        if facet is not None:
            return facet
        count, last = connection.execute(
            select(func.count(), func.max(facets.c.id)).select_from(facets)
        ).one()
        if count < self._limit:
            return _add(connection, key, (last or 0) + 1, overflow=False)
        other = tuple([_of_the_others(name, value) for name, value in zip(FACETED, key, strict=True)])
        return _stored(connection, other) or _add(connection, other, (last or 0) + 1, overflow=True)


def remove_unused_facets(connection: Connection, limit: int) -> None:
    """Makes room for others where half of it is used: of what has no figures there are no deliveries either."""
    if connection.execute(select(func.count()).select_from(facets)).scalar_one() * 2 <= limit:
        return
    used = select(rollups.c.facet).where(rollups.c.level == LEVELS[-1])
    if connection.execute(delete(facets).where(facets.c.id.not_in(used))).rowcount:
        add_to_tally(connection, FACETS_REMOVED, 1)


def _stored(connection: Connection, key: FacetKey) -> Facet | None:
    f = facets.c
    row = connection.execute(
        select(f.id, f.endpoint, f.overflow).where(f.digest == _digest(key))
    ).one_or_none()
    return None if row is None else Facet(row.id, row.endpoint, key, bool(row.overflow))


def _add(connection: Connection, key: FacetKey, number: int, *, overflow: bool) -> Facet:
    values = dict(zip(FACETED, key, strict=True))
    same = and_(*(facets.c[name] == values[name] for name in ENDPOINT))
    endpoint = connection.execute(select(func.min(facets.c.endpoint)).where(same)).scalar_one() or number
    row: dict[str, Any] = {
        "id": number,
        "digest": _digest(key),
        "endpoint": endpoint,
        "overflow": overflow,
        **values,
    }
    connection.execute(insert(facets), row)
    return Facet(number, endpoint, key, overflow)


def _of_the_others(name: str, value: str) -> str:
    if name == "outcome":
        return value
    return OTHER if name in ("provider", "route", "service") else ""


def _digest(key: FacetKey) -> bytes:
    # No text that a column takes holds a NUL.
    return hashlib.blake2b("\0".join(key).encode(), digest_size=16).digest()
