"""How many of each endpoint's deliveries count, for good and for bad; kept in their transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection

from outworx_otel.server.problems.judging import Judged, Kind
from outworx_otel.server.store.schema import LEVELS, endpoint_figures
from outworx_otel.server.store.statements import insert_rows

_COUNTED: Final = ("arrived", "good", "bad", "unprotected", "unverified")
_ADD: Final = "(level, slot, endpoint) DO UPDATE SET " + ", ".join(
    f"{name} = endpoint_figures.{name} + excluded.{name}" for name in _COUNTED
)
_SLOT_NS: Final = LEVELS[0] * 10**9
_RAN: Final = frozenset({Kind.GOOD, Kind.UNPROTECTED, Kind.DEFERRED})


class EndpointCounts:
    """What one transaction adds.

    A rate is out of what counts: what was proved genuine, or whose endpoint does not verify. Duplicates do not count,
    and what is deferred only when its work has ended.
    """

    def __init__(self) -> None:
        self._slots: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * len(_COUNTED))

    def came(self, endpoint: int, judged: Judged, *, is_problem: bool) -> None:
        """A delivery that was not there before; `is_problem` where it belongs to one."""
        kind = judged.kind
        counts = self._of(endpoint, judged.at_ns)
        counts[0] += 1
        if kind is Kind.GOOD:
            counts[1] += 1
        elif kind is Kind.UNPROTECTED:
            counts[1] += 1
            counts[3] += 1
        elif is_problem:
            counts[2] += 1
        if judged.verified is None and kind in _RAN:
            counts[4] += 1

    def came_well(self, endpoint: int, times_ns: Iterable[int]) -> None:
        """Deliveries that were not there before, all good and verified."""
        for slot, number in Counter([at_ns // _SLOT_NS for at_ns in times_ns]).items():
            counts = self._of(endpoint, slot * _SLOT_NS)
            counts[0] += number
            counts[1] += number

    def ended(self, endpoint: int, at_ns: int, *, good: int = 0, bad: int = 0) -> None:
        """It is known only now what an earlier delivery counts for."""
        counts = self._of(endpoint, at_ns)
        counts[1] += good
        counts[2] += bad

    def write(self, connection: Connection, mark: str) -> None:
        """Adds all of it to what is there."""
        rolled: defaultdict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0] * len(_COUNTED))
        for (slot, endpoint), counts in self._slots.items():
            for level in LEVELS:
                total = rolled[level, slot // level * level, endpoint]
                for place, count in enumerate(counts):
                    total[place] += count
        insert_rows(connection, mark, endpoint_figures, list(_rows(rolled)), _ADD)

    def _of(self, endpoint: int, at_ns: int) -> list[int]:
        return self._slots[at_ns // _SLOT_NS * LEVELS[0], endpoint]


def _rows(rolled: dict[tuple[int, int, int], list[int]]) -> Iterator[tuple[Any, ...]]:
    for key, counts in rolled.items():
        if any(counts):
            yield (*key, *counts)
