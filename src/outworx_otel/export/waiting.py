"""Those who wait in `flush` until an outbox has settled what was put before."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable


class Waiter:
    """One caller of `flush`.

    A plain lock, not a Condition or an Event: those hold a lock of their own in Python code, where
    SIGTERM may interrupt the main thread and leave it held.

    Args:
        goal: number of items that have to be settled.
        patient: goes on waiting while the receiver is in trouble.
    """

    def __init__(self, goal: int, patient: bool) -> None:
        self.goal, self.patient = goal, patient
        self._reached = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(self, timeout: float) -> bool:
        """Block for at most `timeout` seconds; whether the goal was reached."""
        return self._gate.acquire(timeout=max(timeout, 0.0)) and self._reached

    def release(self, reached: bool) -> None:
        """Let the caller go on."""
        self._reached = reached
        self._gate.release()


class Waiters:
    """All callers of one outbox's `flush`. They add themselves, the worker releases them."""

    def __init__(self) -> None:
        self._waiting: collections.deque[Waiter] = collections.deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, waiter: Waiter) -> None:
        """Keep a caller until `release` lets it go."""
        self._waiting.append(waiter)

    def release(self, settled: int, is_hopeless: Callable[[Waiter], bool]) -> None:
        """Let those go whose goal is reached, or for whom waiting longer makes no sense."""
        for _ in range(len(self._waiting)):
            waiter = self._waiting.popleft()
            if settled >= waiter.goal or is_hopeless(waiter):
                waiter.release(settled >= waiter.goal)
            else:
                self._waiting.append(waiter)
