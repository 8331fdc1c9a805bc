"""The one thread that writes; batches that wait go into one transaction."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, TypeVar

from outworx_otel.server.store.packing import Packed
from outworx_otel.server.store.store_errors import StoreBusy, StoreUnavailable

__all__ = ["StoreBusy", "StoreUnavailable", "Writer"]

T = TypeVar("T")

MAX_ROWS_AT_ONCE: Final = 2000
TIDIES_AFTER: Final = 5000
"""Rows; where room is short as many are removed at once."""
_logger = logging.getLogger("outworx_otel.server")


class _Waiting(NamedTuple):
    packed: Packed
    size: int
    future: Future[None]


class Writer:
    """A queue bounded in bytes, and the thread that empties it.

    Args:
        write: writes batches in one transaction, and returns what each came to: None, or why it was not written.
        tidy: some housekeeping, given how many rows were just written; returns the seconds until it wants to be
            called again.
        max_queued_bytes: see `Settings`.
        took: told how many seconds a transaction took.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Packed]], Sequence[BaseException | None]],
        tidy: Callable[[int], float],
        max_queued_bytes: int,
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._write = write
        self._tidy = tidy
        self._max = max_queued_bytes
        self._took = took
        self._queued = 0
        self._waiting: deque[_Waiting] = deque()
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="outworx-writer", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> tuple[int, int]:
        """Returns how many batches wait to be written, and how many bytes wait or are being written."""
        return len(self._waiting), self._queued

    def make_sure_of_room(self, size: int) -> None:
        """Raises if the queue is full, before a batch is packed for nothing.

        Raises:
            StoreBusy: the queue is full.
        """
        # A batch larger than the whole queue is taken where it is alone.
        if self._closing or (self._queued and self._queued + size > self._max):
            raise StoreBusy

    def submit(self, packed: Packed, size: int) -> Future[None]:
        """Queues a batch; the future is done once it is durable.

        Raises:
            StoreBusy: the queue is full.
        """
        future: Future[None] = Future()
        # A cancelled future must not make `set_result` fail.
        future.set_running_or_notify_cancel()
        with self._changed:
            self.make_sure_of_room(size)
            self._queued += size
            self._waiting.append(_Waiting(packed, size, future))
            self._changed.notify()
        return future

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Runs other work between two transactions; the future has what it returns or raises.

        Raises:
            StoreUnavailable: the writer is being closed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closing:
                raise StoreUnavailable("the server is being stopped")
            self._asked.append((work, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        tidies_at, written = 0.0, 0
        while True:
            taken = self._take(tidies_at)
            if taken:
                self._write_all(taken)
                written += sum(one.packed.length for one in taken)
            asked = self._run_asked()
            if self._closing and not taken and not asked:
                return
            if not self._closing and (written >= TIDIES_AFTER or time.monotonic() >= tidies_at):
                tidies_at, written = time.monotonic() + self._tidied(written), 0

    def _take(self, until: float) -> list[_Waiting]:
        """As much as fits into one transaction, once there is something, or nothing at a time."""
        taken: list[_Waiting] = []
        with self._changed:
            while (
                not (self._waiting or self._asked or self._closing) and (left := until - time.monotonic()) > 0
            ):
                self._changed.wait(left)
            rows = 0
            while self._waiting and (not taken or rows + self._waiting[0].packed.length <= MAX_ROWS_AT_ONCE):
                taken.append(self._waiting.popleft())
                rows += taken[-1].packed.length
        return taken

    def _run_asked(self) -> bool:
        with self._changed:
            if not self._asked:
                return False
            work, future = self._asked.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  # passed on through the future
                future.set_exception(error)
        return True

    def _write_all(self, taken: Sequence[_Waiting]) -> None:
        began = time.monotonic()
        try:
            ends = self._write([one.packed for one in taken])
        except Exception as error:  # noqa: BLE001  # passed on through the future
            ends = [error] * len(taken)
        self._took(time.monotonic() - began)
        with self._changed:
            self._queued -= sum(one.size for one in taken)
        for one, end in zip(taken, ends, strict=True):
            if end is None:
                one.future.set_result(None)
            else:
                one.future.set_exception(end)

    def _tidied(self, rows: int) -> float:
        try:
            return self._tidy(rows)
        except Exception:
            _logger.exception("housekeeping of the database failed; it is tried again in a minute")
            return 60.0
