"""Waiting, from a thread, from asyncio and from trio: for a job until its time is up, for work on a thread.

Each waiter keeps its own time (a lock's time-out, the loop's timer). The process's timer would have to wake a second
thread for every operation, although hardly any runs out of time.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from outworx_otel.process.jobs import Job

T = TypeVar("T")


class Taker(Protocol):
    """Takes jobs, and sees to it that each is done on another thread."""

    def submit(self, job: Job[Any]) -> None: ...


def wait(pool: Taker, job: Job[Any], seconds: float) -> None:
    """Blocks this thread; afterwards `job.done` tells whether the job ended in time."""
    waiter = threading.Lock()
    waiter.acquire()
    job.notify = waiter.release
    pool.submit(job)
    waiter.acquire(timeout=seconds)


def wait_all(pool: Taker, jobs: Sequence[Job[Any]], seconds: float) -> None:
    """The same for several jobs, done side by side as far as there are threads."""
    finished = threading.Semaphore(0)
    gives_up = time.monotonic() + seconds
    for job in jobs:
        job.notify = finished.release
        pool.submit(job)
    for _ in jobs:
        finished.acquire(timeout=max(gives_up - time.monotonic(), 0.0))


async def await_(pool: Taker, job: Job[Any], seconds: float) -> None:
    """The same without blocking the loop that runs in this thread: trio's if it is one, else asyncio's."""
    if in_trio():
        await _await_on_trio(sys.modules["trio"], pool, job, seconds)
    else:
        await _await_on_asyncio(pool, job, seconds)


async def _await_on_asyncio(pool: Taker, job: Job[Any], seconds: float) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def notify() -> None:
        # If the loop is closed by now, no caller waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(wake)

    job.notify = notify
    pool.submit(job)
    timer = loop.call_later(seconds, wake)
    try:
        await waiter
    finally:
        timer.cancel()


async def _await_on_trio(trio: Any, pool: Taker, job: Job[Any], seconds: float) -> None:
    token = trio.lowlevel.current_trio_token()
    finished = trio.Event()

    def notify() -> None:
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(finished.set)

    job.notify = notify
    pool.submit(job)
    with trio.move_on_after(seconds):
        await finished.wait()


async def off_loop(work: Callable[[], T]) -> T:
    """Runs `work` on a thread, while the loop that runs in this one, trio's or asyncio's, goes on."""
    if in_trio():
        result: T = await sys.modules["trio"].to_thread.run_sync(work)
        return result
    import asyncio

    return await asyncio.to_thread(work)


async def pause(seconds: float) -> None:
    """Waits without blocking the loop that runs in this thread."""
    if in_trio():
        await sys.modules["trio"].sleep(seconds)
    else:
        import asyncio

        await asyncio.sleep(seconds)


def on_event_loop() -> bool:
    """Whether this thread runs an event loop, so that waiting here would stop others."""
    # Where nobody has imported it, no loop of its runs.
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return True
    return in_trio()


def in_trio() -> bool:
    """Whether a task of trio's runs here. In guest mode there is an asyncio loop below it, in the same thread."""
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
