"""One thread writes: what has come in the meantime goes into one transaction."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from outworx_otel.server.model import Batch


class StoreBusy(Exception):
    """More waits to be written than may; come again after `retry_after` seconds."""

    retry_after = 2


class StoreUnavailable(Exception):
    """The database cannot be written or read now; the message says why, without secrets."""


class Writer:
    """A queue bounded in bytes, and the thread that empties it.

    Args:
        write: writes batches in one transaction; raises where nothing of them was written.
        max_queued_bytes: see `Settings`.
    """

    def __init__(self, write: Callable[[Sequence[Batch]], None], max_queued_bytes: int) -> None:
        self._write = write
        self._max = max_queued_bytes
        self._queued = 0
        self._waiting: deque[tuple[Batch, Future[None]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="outworx-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> Future[None]:
        """Queues a batch; the future is done once it is durable.

        Raises:
            StoreBusy: the queue is full.
        """
        future: Future[None] = Future()
        with self._changed:
            if self._closing or self._queued + batch.size > self._max:
                raise StoreBusy
            self._queued += batch.size
            self._waiting.append((batch, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                taken = list(self._waiting)
                self._waiting.clear()
                if not taken:
                    return
            try:
                self._write([batch for batch, _ in taken])
            except Exception as error:  # noqa: BLE001  # whoever waits is told
                for _, future in taken:
                    future.set_exception(error)
            else:
                for _, future in taken:
                    future.set_result(None)
            with self._changed:
                self._queued -= sum(batch.size for batch, _ in taken)
