"""Divides time into windows of so many deliveries, read whole: the table is not in the order of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

MOST_IN_ONE: Final = 25_000
"""Deliveries that are looked through at once."""

SECONDS: Final = 0.25
"""After so long a page ends with what it has, and says how far it came."""

_HOUR: Final = 3600 * 10**9
_SHORTEST: Final = 10**9
_GROWS: Final = 4


class Window(NamedTuple):
    """A time, in Unix nanoseconds: from `since` (included) to `until` (not)."""

    since: int
    until: int


def windows(
    since: int, until: int, count: Callable[[Window], int], *, newest_first: bool = True
) -> Iterator[Window]:
    """The windows of a time, one after the other, none of them empty.

    Args:
        count: how many deliveries a window has.
    """
    width = _HOUR
    left = Window(since, until)
    while left.since < left.until:
        if newest_first:
            window = Window(max(left.since, left.until - width), left.until)
        else:
            window = Window(left.since, min(left.until, left.since + width))
        found = count(window)
        if found > MOST_IN_ONE and width > _SHORTEST:
            width = max(_SHORTEST, min(width, window.until - window.since) * MOST_IN_ONE // (2 * found))
            continue
        if found:
            yield window
        if found < MOST_IN_ONE // _GROWS:
            width *= _GROWS
        left = Window(left.since, window.since) if newest_first else Window(window.until, left.until)


class PageTime:
    """How long a page may take.

    Args:
        ticks: seconds that only go up.
    """

    def __init__(self, seconds: float = SECONDS, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._ends = ticks() + seconds

    @property
    def is_over(self) -> bool:
        """Whether it is time to end."""
        return self._ticks() >= self._ends
