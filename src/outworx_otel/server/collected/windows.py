"""Divides time into windows of so many deliveries, read whole: the table is not in the order of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

SECONDS: Final = 0.2
"""Before so long a page ends with what it has, and says how far it came."""

_OF_A_WINDOW: Final = SECONDS / 3
_HOUR: Final = 3600 * 10**9
_SHORTEST: Final = 10**9
_GROWS: Final = 4
_GROWS_OF_NOTHING: Final = 64
_CHANGES: Final = 2


class Window(NamedTuple):
    """A time, in Unix nanoseconds: from `since` (included) to `until` (not)."""

    since: int
    until: int


class Pace:
    """How much is looked through at once: learned from page to page, since it depends on the table and the machine.

    Args:
        fewest: deliveries of a window; fewer take no less time, for the table is read in pieces.
        most: no window has more, however quick they are.
    """

    def __init__(self, fewest: int, most: int) -> None:
        self._fewest, self._most = fewest, most
        self.deliveries = fewest
        self.width = _HOUR

    def took(self, found: int, seconds: float) -> None:
        """Learns from a window of so many deliveries."""
        factor = max(1 / _CHANGES, min(_OF_A_WINDOW / max(seconds, 1e-6), _CHANGES))
        self.deliveries = max(self._fewest, min(int(found * factor), self._most))


class PageTime:
    """How long a page may take.

    Args:
        ticks: seconds that only go up.
    """

    def __init__(self, seconds: float = SECONDS, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._ends = ticks() + seconds
        self._asked = ticks()

    def is_over(self) -> bool:
        """Asked after each window: whether another one that takes as long would be too much."""
        now = self._ticks()
        took, self._asked = now - self._asked, now
        return now + took > self._ends


def windows(
    whole: Window, count: Callable[[Window], int], pace: Pace, *, newest_first: bool = True
) -> Iterator[tuple[Window, int]]:
    """The windows of a time, one after the other, and how many deliveries each has; none of them is empty.

    Args:
        count: how many deliveries a window has.
        pace: how many one should have.
    """
    left = whole
    while left.since < left.until:
        window, found = _next(left, count, pace, newest_first)
        if found:
            yield window, found
        left = Window(left.since, window.since) if newest_first else Window(window.until, left.until)


def _next(left: Window, count: Callable[[Window], int], pace: Pace, newest_first: bool) -> tuple[Window, int]:
    """The first window of what is left, and how many deliveries it has."""
    width, may_grow = pace.width, True
    while True:
        window = (
            Window(max(left.since, left.until - width), left.until)
            if newest_first
            else Window(left.since, min(left.until, left.since + width))
        )
        found = count(window)
        if found > pace.deliveries * _CHANGES and width > _SHORTEST:
            width = max(_SHORTEST, min(width, window.until - window.since) * pace.deliveries // found)
            may_grow = False
        elif found * _GROWS < pace.deliveries and window != left and may_grow:
            width *= _GROWS if found else _GROWS_OF_NOTHING
        else:
            pace.width = width
            return window, found
