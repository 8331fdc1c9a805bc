"""The callers of `flush` that wait until a queue has settled the items put before."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable


class FlushWaiter:
    """One caller of `flush`.

    A plain lock, not a Condition or an Event: those hold a lock of their own in Python code, where
    SIGTERM may interrupt the main thread and leave it held.

    Args:
        goal: number of items that have to be settled.
        patient: whether to go on waiting while the receiver fails.
    """

    def __init__(self, goal: int, patient: bool) -> None:
        self.goal, self.patient = goal, patient
        self._reached = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(self, timeout: float) -> bool:
        """Blocks for at most `timeout` seconds. Returns whether the goal was reached."""
        return self._gate.acquire(timeout=max(timeout, 0.0)) and self._reached

    def release(self, reached: bool) -> None:
        """Wakes the caller."""
        self._reached = reached
        self._gate.release()


class FlushWaiters:
    """The waiting callers of one queue. They add themselves; the worker releases them."""

    def __init__(self) -> None:
        self._waiting: collections.deque[FlushWaiter] = collections.deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, waiter: FlushWaiter) -> None:
        """Adds a caller that waits."""
        self._waiting.append(waiter)

    def release(self, settled: int, is_hopeless: Callable[[FlushWaiter], bool]) -> None:
        """Wakes the callers whose goal is reached, and those for whom waiting is hopeless."""
        for _ in range(len(self._waiting)):
            waiter = self._waiting.popleft()
            if settled >= waiter.goal or is_hopeless(waiter):
                waiter.release(settled >= waiter.goal)
            else:
                self._waiting.append(waiter)
