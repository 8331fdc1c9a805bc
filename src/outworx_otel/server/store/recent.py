"""Remembers recently written counts of metrics: they have no ids, and a batch may be sent again."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.model import Count
from outworx_otel.server.store.packing import FacetKey

MAX_REMEMBERED: Final = 20_000


class RecentCounts:
    """Tells a count that comes again: the same series, the same nanosecond, the same number."""

    def __init__(self) -> None:
        self._written: dict[tuple[FacetKey, int, float], None] = {}
        self._new: dict[tuple[FacetKey, int, float], None] = {}

    def begin(self) -> None:
        """A transaction begins."""
        self._new = {}

    def commit(self) -> None:
        """It is durable."""
        self._written.update(self._new)
        self._new = {}
        while len(self._written) > MAX_REMEMBERED:
            del self._written[next(iter(self._written))]

    def is_new(self, key: FacetKey, count: Count) -> bool:
        """Whether it is to be counted."""
        seen = (key, count.time_ns, count.value)
        if seen in self._written or seen in self._new:
            return False
        self._new[seen] = None
        return True
