"""A circuit breaker: after a few failures in a row a store is left alone for a while, then one operation tries it.

Made at its first use in each process (see `PerProcess`), with its lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from outworx_otel.errors import StoreError

State = Literal["closed", "open", "half-open"]

THRESHOLD: Final = 3
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 8.0


class BreakerOpen(StoreError):
    """The breaker is open: the operation was not begun, so that nothing of it can have landed."""


@dataclass(frozen=True)
class StoreCounts:
    """What a store's guard has seen in this process.

    Args:
        succeeded: operations that were answered in time.
        failed: those that were not, `timed_out` among them.
        timed_out: those whose whole budget went by.
        refused: those that the open breaker turned away, at no cost.
        opened: times that the breaker opened (again after a failed try does not count).
        closed: times that it closed.
        state: of the breaker.
    """

    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    refused: int = 0
    opened: int = 0
    closed: int = 0
    state: State = "closed"


class Breaker:
    """Admits operations and hears how they ended.

    Each admission is a ticket: the number of the state it was given in. What an operation reports with an old ticket
    is counted but moves nothing, so a late answer of before the outage neither closes nor lengthens it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._epoch = 0
        self._in_a_row = 0
        self._pause = FIRST_PAUSE
        self._tries_at = 0.0
        self._last_reason = ""
        self._succeeded = self._failed = self._timed_out = 0
        self._refused = self._opened = self._closed = 0

    def admit(self) -> int:
        """A ticket for one operation.

        Raises:
            BreakerOpen: the breaker is open, or half-open with its one try under way.
        """
        with self._lock:
            if self._state == "closed":
                return self._epoch
            if self._state == "open" and self._clock() >= self._tries_at:
                return self._move("half-open")
            self._refused += 1
            raise BreakerOpen(
                f"the idempotency store is left alone after failures in a row: {self._last_reason}"
            )

    def succeeded(self, ticket: int) -> bool:
        """Reports an answer in time; True where it closed the breaker."""
        with self._lock:
            self._succeeded += 1
            if ticket != self._epoch:
                return False
            self._in_a_row = 0
            if self._state == "closed":
                return False
            self._closed += 1
            self._pause = FIRST_PAUSE
            self._move("closed")
            return True

    def failed(self, ticket: int, reason: str, *, timed_out: bool) -> bool:
        """Reports a failure; True where it opened the breaker."""
        with self._lock:
            self._failed += 1
            self._timed_out += timed_out
            if ticket != self._epoch:
                return False
            self._last_reason = reason
            self._in_a_row += 1
            if self._state == "half-open":
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._open()
                return False
            if self._in_a_row < THRESHOLD:
                return False
            self._opened += 1
            self._open()
            return True

    def gave_up(self, ticket: int) -> None:
        """The caller was cancelled before anything was known: the next one tries instead."""
        with self._lock:
            if ticket == self._epoch and self._state == "half-open":
                self._move("open")

    def counts(self) -> StoreCounts:
        """A snapshot."""
        with self._lock:
            return StoreCounts(
                self._succeeded,
                self._failed,
                self._timed_out,
                self._refused,
                self._opened,
                self._closed,
                self._state,
            )

    def _open(self) -> None:
        self._tries_at = self._clock() + self._pause
        self._move("open")

    def _move(self, state: State) -> int:
        self._state = state
        self._epoch += 1
        return self._epoch
