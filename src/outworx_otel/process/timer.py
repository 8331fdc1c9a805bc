"""Calls at a later time, for the whole process, from one daemon thread that starts with the first of them."""

from __future__ import annotations

import heapq
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

_MAX_WAITING: Final = 10_000

logger = logging.getLogger("outworx_otel")


class Deadline:
    """A call that is going to be made unless it is cancelled."""

    __slots__ = ("_call", "due")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self._call: Callable[[], None] | None = call

    def __lt__(self, other: Deadline) -> bool:
        return self.due < other.due

    @property
    def cancelled(self) -> bool:
        """Whether there is nothing left to call."""
        return self._call is None

    def cancel(self) -> None:
        """The call is not made, and what it holds is let go."""
        self._call = None

    def meet(self) -> None:
        """Makes the call, if it was not cancelled."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Deadlines:
    """The deadlines of one process. A forked child begins with none of its parent's."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._waiting: list[Deadline] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def call_in(self, seconds: float, call: Callable[[], None]) -> Deadline:
        """Makes `call` on the timer's thread after `seconds`; what it raises is logged.

        Past ten thousand calls that still wait, a new one is made at once: the number is bounded, not the
        promise.
        """
        if self._pid != os.getpid():
            self._begin()
        deadline = Deadline(time.monotonic() + seconds, call)
        with self._changed:
            if len(self._waiting) >= _MAX_WAITING:
                self._waiting = [waiting for waiting in self._waiting if not waiting.cancelled]
                heapq.heapify(self._waiting)
            full = len(self._waiting) >= _MAX_WAITING
            if not full:
                heapq.heappush(self._waiting, deadline)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="outworx-deadlines", daemon=True)
                    self._thread.start()
                elif self._waiting[0] is deadline:
                    self._changed.notify()
        if full:
            deadline.meet()
        return deadline

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                left = self._waiting[0].due - time.monotonic()
                if left > 0:
                    self._changed.wait(min(left, threading.TIMEOUT_MAX))
                    continue
                deadline = heapq.heappop(self._waiting)
            try:
                deadline.meet()
            except Exception:  # the thread serves all others too
                logger.exception("a call at its deadline failed")


_deadlines: Deadlines | None = None


def call_in(seconds: float, call: Callable[[], None]) -> Deadline:
    """Makes `call` after `seconds`, on one daemon thread of this process."""
    global _deadlines
    if _deadlines is None:
        _deadlines = Deadlines()
    return _deadlines.call_in(seconds, call)
