"""Deliveries of one event that come while it is being handled: who runs in this process, and who may wait."""

from __future__ import annotations

import threading
from typing import Final

from outworx_otel.process.forks import PerProcess

PLACES: Final = 4
"""How many deliveries may wait for another one at a time: a storm of retries must not take every connection."""


class Rivals:
    """The keys that this process handles, and the places for those who wait.

    Whoever waits for a delivery of the same process holds no connection meanwhile.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._waiting = 0

    def begin(self, key: str) -> bool:
        """Whether nobody else here handles the event; from now on, this one does."""
        with self._lock:
            if key in self._running:
                return False
            self._running.add(key)
            return True

    def end(self, key: str) -> None:
        """It is handled, or given up."""
        with self._lock:
            self._running.discard(key)

    def take_place(self) -> bool:
        """A place to wait, if one is free."""
        with self._lock:
            if self._waiting == PLACES:
                return False
            self._waiting += 1
            return True

    def leave_place(self) -> None:
        """Gives the place back."""
        with self._lock:
            self._waiting -= 1


rivals: Final = PerProcess(lambda: Rivals())
"""Those of this process."""
