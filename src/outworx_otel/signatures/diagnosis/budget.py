"""Bounds what diagnoses cost, so that a flood of wrong signatures stays cheap."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

DIAGNOSES_PER_SECOND = 5
SECONDS = 0.010
TRIALS = 160
# Three hashes of a 1 MB body: five diagnoses a second must not double the cost of even twenty deliveries.
HASHED_BYTES = 3 * 1024 * 1024
# Dumping JSON costs up to 130 ns for every byte of dense input when it is indented: 1 MB would take 130 ms.
RESERIALISED_BYTES = 64 * 1024
# A cause that was proved before: two are remembered, and one of them may have a few trials of the same name.
TRIALS_OF_WHAT_WAS_PROVED = 6
WASTED_SECONDS = 0.020

NOT_LOOKED_FOR = f"Its cause was not looked for: diagnosis is limited to {DIAGNOSES_PER_SECOND} a second."


class BudgetSpent(Exception):
    """There is no time, or there are no trials, left for another hypothesis; its text says so in a hint."""


class RateLimit:
    """At most so many diagnoses in any second, in the whole process.

    Without a lock: two threads at once may let one more through, which does no harm.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._recent: deque[float] = deque(maxlen=per_second)
        self._clock = clock

    def exhausted(self) -> bool:
        """Whether no other diagnosis may begin now."""
        recent = self._recent
        return len(recent) == recent.maxlen and self._clock() - recent[0] < 1.0

    def allows(self) -> bool:
        """Whether another diagnosis may begin now; if so it counts."""
        if self.exhausted():
            return False
        self._recent.append(self._clock())
        return True

    def reset(self) -> None:
        """Forget what was counted, as a fresh process would."""
        self._recent.clear()


class WastedTime:
    """How long, in any second and in the whole process, causes that were proved before were tried in vain.

    Without it a flood of forged deliveries at an endpoint with a known cause would pay for a trial each.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._begun = clock()
        self._used = 0.0

    def used_up(self) -> bool:
        """Whether nothing more may be tried in this second."""
        now = self._clock()
        if now - self._begun >= 1.0:
            self._begun, self._used = now, 0.0
        return self._used >= self._seconds

    def add(self, seconds: float) -> None:
        """Count a trial that was in vain."""
        self._used += seconds

    def reset(self) -> None:
        """Forget what was counted, as a fresh process would."""
        self._begun, self._used = self._clock(), 0.0


class Budget:
    """Time, trials and hashed bytes of one diagnosis; the first trial asks the rate limit, if there is one.

    The time is what this thread worked, not what passed: on a busy machine a diagnosis must not come to nothing
    because somebody else had the processor.
    """

    def __init__(
        self,
        limit: RateLimit | None,
        trials: int = TRIALS,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._begun = clock()
        self._trials = trials
        self._bytes = HASHED_BYTES

    def seconds_used(self) -> float:
        """How long the diagnosis has taken."""
        return self._clock() - self._begun

    def seconds_left(self) -> float:
        """How much time the diagnosis still has."""
        return SECONDS - self.seconds_used()

    def spend(self, hashed: int) -> None:
        """Pay for one trial over so many bytes.

        Raises:
            BudgetSpent: It cannot be paid for.
        """
        if self._limit is not None:
            if not self._limit.allows():
                raise BudgetSpent(NOT_LOOKED_FOR)
            self._limit = None
        self._trials -= 1
        self._bytes -= hashed
        if self._trials < 0 or self._bytes < 0 or self.seconds_left() <= 0:
            raise BudgetSpent("Not every possible cause was tried: the diagnosis ran out of its budget.")
