"""A bounded queue whose worker thread sends the items in batches, and keeps them while the receiver is away."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import math
import queue
import threading
import time
from collections.abc import Sequence
from typing import Generic, Literal, Protocol, TypeVar

from opentelemetry.instrumentation.utils import suppress_instrumentation

from outworx_otel.export import open_queues
from outworx_otel.export.flush_waiters import FlushWaiter, FlushWaiters
from outworx_otel.export.open_queues import EXIT_TIMEOUT
from outworx_otel.export.report import ExportReport
from outworx_otel.export.retry_policy import RetryPolicy
from outworx_otel.export.send_result import SendResult, Verdict
from outworx_otel.process.forks import after_fork_in_child

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_logger = logging.getLogger("outworx_otel")


class BatchSender(Protocol[T_contra]):
    """Makes one attempt to send a batch."""

    def send(self, items: Sequence[T_contra], timeout: float | None) -> SendResult: ...

    def close(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class QueueLimits:
    """Bounds of queue and batch, in items and in estimated bytes; `delay` is how many seconds a batch is gathered."""

    queue_items: int = 2048
    queue_bytes: int = 16 * 1024 * 1024
    batch_items: int = 512
    batch_bytes: int = 4 * 1024 * 1024
    delay: float = 1.0


class ExportQueue(Generic[T]):
    """Takes items without blocking; a daemon thread, started with the first item, sends them.

    The SDK's BatchSpanProcessor is not used below because its queue is bounded by count alone and drops
    unseen, its `force_flush` ignores the time-out, its shutdown knows none (SDK 1.34) or waits 30 s
    (1.45), and nobody outside can wake it.

    SIGTERM may interrupt the main thread inside `put` while other threads must finish the delivery
    (see `exit.py`). So the worker takes no lock that `put` takes: it shares a deque with the producers,
    keeps its own counters, and is woken through a SimpleQueue, whose `put` is re-entrant.
    """

    def __init__(
        self,
        sender: BatchSender[T],
        report: ExportReport,
        limits: QueueLimits,
        retry: RetryPolicy,
    ) -> None:
        self._sender, self._report, self._limits, self._retry = sender, report, limits, retry
        self._closing = self._abandoned = False
        self._give_up_at = math.inf
        self.reset()
        after_fork_in_child(self.reset)
        open_queues.add(self)

    def reset(self) -> None:
        """Empties the queue and forgets its thread. Called in a forked child."""
        # RLock: the garbage collector may end a span inside `put`.
        self._lock = threading.RLock()
        self._queue: collections.deque[tuple[T, int]] = collections.deque()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiters = FlushWaiters()
        self._thread: threading.Thread | None = None
        self._state: Literal["idle", "gathering", "sending"] = "idle"
        self._added = self._added_bytes = self._shared = self._refused = 0  # producers, under the lock
        self._settled = self._taken_bytes = self._refused_said = 0  # worker alone
        self._key_pause_until = 0.0
        self._troubled = False
        self._report.restart()
        if not self._closing:
            self._give_up_at = math.inf

    def put(self, item: T, size: int, shared: int = 0) -> bool:
        """Queues an item. Returns False if the queue is full or closed; the loss is counted and logged.

        Args:
            item: what is to be sent.
            size: in bytes, about.
            shared: bytes that every batch carries once beside its items, such as the resource.
        """
        limits = self._limits
        with self._lock:
            waiting = self._added_bytes - self._taken_bytes
            if (
                self._closing
                or len(self._queue) >= limits.queue_items
                or (waiting and waiting + size + shared > limits.queue_bytes)
            ):
                self._refused += 1
                return False
            self._queue.append((item, size))
            self._added += 1
            self._added_bytes += size
            if shared > self._shared:
                self._shared = shared
            if self._thread is None:
                self._start()
        if self._state == "idle" or (self._state == "gathering" and self._batch_is_full()):
            self._nudge()
        return True

    def flush(self, timeout: float, *, patient: bool = True) -> bool:
        """Waits until all items put so far are delivered or dropped. Returns False if that takes longer.

        With `patient=False` it also returns as soon as the receiver fails and items are kept.
        """
        waiter = FlushWaiter(self._added, patient)
        if self._settled >= waiter.goal:
            return True
        thread = self._thread
        if thread is None or not thread.is_alive() or _runs(thread):
            return False
        if self._is_hopeless(waiter):
            return False
        open_queues.finish_if_exiting()
        self._waiters.add(waiter)
        self._nudge()
        return waiter.wait(timeout)

    def give_up_after(self, seconds: float) -> None:
        """Stops retrying after so many seconds, because the process is about to end."""
        self._give_up_at = min(self._give_up_at, time.monotonic() + seconds)
        self._nudge()

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """Sends what is queued, for at most `timeout` seconds. What is left then is counted and logged."""
        if self._closing:
            return
        open_queues.finish_if_exiting()
        self.give_up_after(timeout)
        self._closing = True
        self._report.closes()
        self._nudge()
        thread = self._thread
        if thread is not None and _runs(thread):
            return  # `on_error` shut us down: the worker ends by itself
        if thread is None or thread.ident is None:
            # Nothing was put, it is too late for a thread, or SIGTERM came just as it was started.
            self._work()
        else:
            thread.join(max(self._give_up_at - time.monotonic(), 0.0) + 0.5)
            if self._queue and not thread.is_alive():
                self._work()  # put by another thread between the worker's last look and `_closing`
        self._say_refused()
        if thread is not None and thread.is_alive():
            # An attempt that began before `close` still runs, with its full time-out. Nobody waits for it.
            self._report.dropped(self._added - self._settled, "still under way as the process ended")
            self._abandoned = True
        else:
            self._sender.close()
        self._report.say_drops()

    def _start(self) -> None:
        # Of the same kind as the thread: gunicorn's gevent worker replaces both after the fork, and a greenlet
        # that waits in a queue from before would stop the whole server.
        self._wake = queue.SimpleQueue()
        thread = threading.Thread(target=self._work, name="OutworxExportQueue", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            # Interpreter shutdown (3.12+), or a system out of threads: `close` sends from its own thread.
            self._thread = None
        else:
            open_queues.started()

    def _nudge(self) -> None:
        if self._wake.empty():
            self._wake.put(None)

    def _batch_is_full(self) -> bool:
        waiting = self._added_bytes - self._taken_bytes
        if len(self._queue) >= self._limits.batch_items:
            return True
        return waiting + self._shared >= self._limits.batch_bytes

    def _work(self) -> None:
        with suppress_instrumentation():
            while self._queue or not self._closing:
                self._gather()
                self._state = "sending"
                # What comes in meanwhile waits for the next batch; else a busy service would send many small ones.
                last = self._settled + len(self._queue)
                while self._queue and self._settled < last:
                    self._settle(self._next_batch())
                    self._release_waiters()
                self._release_waiters()
                self._say_refused()
                self._report.say_drops(if_due=True)
        self._release_waiters()

    def _gather(self) -> None:
        self._state = "idle"
        if not (self._queue or self._waiters or self._closing):
            self._pause(self._report.next_line_in())
        self._state = "gathering"
        until = time.monotonic() + self._limits.delay
        while self._queue and not (self._waiters or self._ending() or self._batch_is_full()):
            remaining = until - time.monotonic()
            if remaining <= 0:
                break
            self._pause(remaining)

    def _ending(self) -> bool:
        return self._give_up_at < math.inf

    def _pause(self, seconds: float | None) -> None:
        with contextlib.suppress(queue.Empty):
            self._wake.get(timeout=seconds)

    def _next_batch(self) -> list[T]:
        batch: list[T] = []
        size = 0
        while self._queue and len(batch) < self._limits.batch_items:
            if batch and size + self._queue[0][1] + self._shared > self._limits.batch_bytes:
                break
            item, item_size = self._queue.popleft()
            batch.append(item)
            size += item_size
        self._taken_bytes += size
        return batch

    def _settle(self, batch: list[T]) -> None:
        try:
            self._deliver(batch)
        except Exception:
            _logger.exception("exporting failed unexpectedly")
            self._drop(batch, "an internal error")
        finally:
            self._settled += len(batch)

    def _deliver(self, batch: Sequence[T]) -> None:
        started, attempt = time.monotonic(), 0
        while True:
            if not self._ending():
                self._sleep_until(self._key_pause_until)
            now = time.monotonic()
            left = self._give_up_at - now
            if left <= 0 or now < self._key_pause_until:
                paused = now < self._key_pause_until
                self._drop(batch, "the key is rejected" if paused else "the process ended first")
                return
            result = self._sender.send(batch, None if left == math.inf else left)
            attempt += 1
            self._troubled = result.verdict in (Verdict.PASSING, Verdict.KEY_REJECTED)
            if result.verdict is Verdict.NOT_SENT:
                return
            if result.verdict is Verdict.DELIVERED:
                self._key_pause_until = 0.0
                self._report.delivered(len(batch), result.detail, result.rejected)
                return
            if result.verdict is Verdict.SPLIT and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            wait = self._retry.wait(result, attempt, time.monotonic() - started)
            if self._ending():
                wait = self._retry.wait_at_exit(result, self._give_up_at - time.monotonic())
            if result.verdict is Verdict.KEY_REJECTED:
                self._key_pause_until = time.monotonic() + self._retry.key_pause
                self._report.key_rejected(result.detail, self._retry.key_pause)
            elif wait is not None and attempt > 1:
                # The first failure is often no more than a connection that the receiver closed as idle.
                self._report.trouble(result.detail, self._retry.keep)
            if wait is None:
                self._drop(batch, result.detail)
                return
            self._release_waiters()
            self._say_refused()
            self._sleep_until(time.monotonic() + wait)

    def _drop(self, batch: Sequence[T], why: str) -> None:
        if not self._abandoned:  # else `close` has counted it
            self._report.dropped(len(batch), why)

    def _sleep_until(self, when: float) -> None:
        # The end of the process cuts the sleep short, once: the receiver may be back, and time is short.
        ending = self._ending()
        while (remaining := min(when, self._give_up_at) - time.monotonic()) > 0:
            self._pause(remaining)
            self._release_waiters()
            if self._ending() and not ending:
                return

    def _is_hopeless(self, waiter: FlushWaiter) -> bool:
        return self._key_pause_until > time.monotonic() or (self._troubled and not waiter.patient)

    def _release_waiters(self) -> None:
        self._waiters.release(self._settled, self._is_hopeless)

    def _say_refused(self) -> None:
        refused, self._refused_said = self._refused - self._refused_said, self._refused
        why = "the queue is full" if not self._closing else "the queue is full or was shut down"
        self._report.dropped(refused, why)


def _runs(thread: threading.Thread) -> bool:
    # Not `threading.current_thread`: it takes a lock for a thread that it has not seen yet (see `exit.py`).
    return thread.ident == threading.get_ident()
