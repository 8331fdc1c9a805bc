"""How many spans strangers may cause."""

from __future__ import annotations

import time
from typing import Final

_MAX_PROVIDERS: Final = 256


class SpanAllowance:
    """So many a second for each provider.

    Two threads may both take the last one of a second: that is no harm, and a lock would be.

    Args:
        per_second: for each provider.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = -1
        self._taken: dict[str, int] = {}

    def take(self, provider: str) -> bool:
        """Whether there may be one more in this second."""
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._taken = now, {}
        taken = self._taken.get(provider, 0)
        if taken >= self._per_second or len(self._taken) > _MAX_PROVIDERS:
            return False
        self._taken[provider] = taken + 1
        return True
