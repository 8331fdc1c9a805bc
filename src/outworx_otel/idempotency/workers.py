"""A few daemon threads that make blocking calls, so that a caller can stop waiting when its time is up."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

from outworx_otel.errors import StoreError

logger = logging.getLogger("outworx_otel")

T = TypeVar("T")

MAX_QUEUED: Final = 1024


class Job(Generic[T]):
    """One blocking call, made by a worker, and its result.

    Args:
        call: what to do.
        deadline: on the monotonic clock; a job whose turn comes later is not begun.
    """

    __slots__ = ("_call", "_undo", "_value", "deadline", "done", "error", "notify")

    def __init__(self, call: Callable[[], T], deadline: float) -> None:
        self._call = call
        self._undo: Callable[[], Any] | None = None
        self.deadline = deadline
        self.notify: Callable[[], Any] | None = None
        self.done = False
        self._value: T | None = None
        self.error: BaseException | None = None

    def abandon(self, undo: Callable[[], Any]) -> bool:
        """Gives the job up: it is not begun if it still waits, else it is undone when it ends.

        Returns:
            True where it was done already, so that the caller has to see to the undoing.
        """
        self._undo = undo
        return self.done

    @property
    def value(self) -> T:
        """What the call returned, once it is done without an error."""
        return cast("T", self._value)

    def run(self) -> None:
        """Called by the worker; never raises."""
        if self._undo is not None:
            return
        try:
            if time.monotonic() >= self.deadline:
                raise TimeoutError("every connection was busy")
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001  # carried to the caller, who decides
            self.error = error
        self.done = True
        if self.notify is not None:
            self.notify()
        # `abandon` sets `_undo` before it reads `done`, so that one of both sides sees the other.
        if self._undo is not None:
            try:
                self._undo()
            except Exception as error:  # noqa: BLE001  # the lease's end undoes it as well
                logger.debug("an abandoned claim could not be released: %s", type(error).__name__)


class WorkerPool:
    """At most `size` daemon threads, started as they are needed.

    Unlike those of `concurrent.futures`, they do not hold up the interpreter's exit behind a server that hangs.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        # Idle threads less queued jobs; below zero, jobs wait.
        self._spare = 0

    def submit(self, job: Job[Any]) -> None:
        """Queues a job.

        Raises:
            StoreError: the queue is full, or no thread can be had.
        """
        with self._lock:
            if self._spare <= 0 and self._threads < self._size:
                self._start()
            if self._spare <= -MAX_QUEUED:
                raise StoreError(f"{MAX_QUEUED} operations are waiting for the idempotency store already")
            self._spare -= 1
        self._jobs.put(job)

    def stop(self) -> None:
        """Lets the threads end once they have done what is queued."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)
            self._spare = self._threads = 0

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError as error:
            if self._threads == 0:
                raise StoreError(f"no thread for the idempotency store: {error}") from error
        else:
            self._threads += 1
            self._spare += 1

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            job.run()
            del job
            with self._lock:
                self._spare += 1
