"""Makes calls at a later time, from one daemon thread that starts with the first of them."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from outworx_otel.process.forks import PerProcess

_MAX_WAITING: Final = 10_000

logger = logging.getLogger("outworx_otel")


class Deadline:
    """A call that will be made at its time unless it is cancelled."""

    __slots__ = ("_call", "due")

    def __init__(self, due: float, call: Callable[[], object]) -> None:
        self.due = due
        self._call: Callable[[], object] | None = call

    def __lt__(self, other: Deadline) -> bool:
        return self.due < other.due

    @property
    def cancelled(self) -> bool:
        """Returns whether nothing is left to call: it was made or cancelled."""
        return self._call is None

    def cancel(self) -> None:
        """Cancels the call and drops what it holds."""
        self._call = None

    def meet(self) -> None:
        """Makes the call, if it was not cancelled; what it raises is logged."""
        call, self._call = self._call, None
        if call is not None:
            try:
                call()
            except Exception:  # the thread serves all others too
                logger.exception("a call at its deadline failed")


class Timer:
    """Makes calls at a later time, one after the other. A forked child inherits none of them.

    Short calls share the timer of `call_in`. Calls that may wait for a server (renewals of leases) have their own
    timer, so that they delay no others.

    Args:
        name: of its thread.
        max_waiting: how many calls may wait. One more is made at once, on the caller's thread, and never dropped.
    """

    def __init__(self, name: str, max_waiting: int = _MAX_WAITING) -> None:
        self._schedule = PerProcess(lambda: _Schedule(name, max_waiting))

    def call_in(self, seconds: float, call: Callable[[], object]) -> Deadline:
        """Makes `call` on the timer's thread after `seconds`; what it raises is logged."""
        deadline = Deadline(time.monotonic() + seconds, call)
        if not self._schedule().add(deadline):
            deadline.meet()
        return deadline

    def ensure_running(self) -> None:
        """Tries again to start the thread, where that failed and calls wait for it."""
        self._schedule().ensure_running()


class _Schedule:
    """The waiting calls of one timer in one process, and the thread that makes them."""

    def __init__(self, name: str, max_waiting: int) -> None:
        self._name = name
        self._max = max_waiting
        self._waiting: list[Deadline] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> bool:
        """Keeps a call until its time. Returns False if there is no room."""
        with self._changed:
            if len(self._waiting) >= self._max:
                self._waiting = [waiting for waiting in self._waiting if not waiting.cancelled]
                heapq.heapify(self._waiting)
                if len(self._waiting) >= self._max:
                    return False
            heapq.heappush(self._waiting, deadline)
            if self._thread is None:
                self._start()
            elif self._waiting[0] is deadline:
                self._changed.notify()
        return True

    def ensure_running(self) -> None:
        """See `Timer.ensure_running`."""
        if self._thread is None:
            with self._changed:
                if self._thread is None and self._waiting:
                    self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # No thread can be had, or the interpreter is on its way out: the next call tries again.
            logger.warning("outworx: calls that are due later are not made: %s", error)
        else:
            self._thread = thread

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
            deadline.meet()
            del deadline


deadlines = Timer("outworx-deadlines")


def call_in(seconds: float, call: Callable[[], object]) -> Deadline:
    """Makes `call` after `seconds`, on one daemon thread of this process. It must not take long."""
    return deadlines.call_in(seconds, call)
