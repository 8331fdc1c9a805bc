"""A few daemon threads that make blocking calls, so that a caller can stop waiting when its time is up."""

from __future__ import annotations

import queue
import threading
from typing import Any, Final

from outworx_otel.errors import StoreError
from outworx_otel.process.jobs import Job

MAX_QUEUED: Final = 1024


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
