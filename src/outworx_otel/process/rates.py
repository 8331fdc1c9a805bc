"""How often something may happen."""

from __future__ import annotations

import time


class PerSecond:
    """So many in each second of the clock.

    Two threads may both take the last one of a second: that is no harm, and a lock would be.

    Args:
        most: in a second.
    """

    __slots__ = ("_most", "_second", "_taken")

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = -1
        self._taken = 0

    def take(self) -> bool:
        """Whether there may be one more in this second."""
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._taken = now, 0
        self._taken += 1
        return self._taken <= self._most
