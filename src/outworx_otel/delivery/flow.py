"""One flow, two drivers: a generator yields what has to be waited for, and is told what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from outworx_otel.process.job_waiting import pause

T = TypeVar("T")
Flow = Generator[Any, Any, T]


class Call:
    """Work with two faces: one for a thread that may block, one that an event loop can wait for."""

    __slots__ = ("awaited", "blocking")

    def __init__(self, blocking: Callable[[], Any], awaited: Callable[[], Awaitable[Any]]) -> None:
        self.blocking = blocking
        self.awaited = awaited


class Pause:
    """A wait of some seconds, for those who can: it comes back as True, or at once as False.

    Args:
        seconds: how long.
        blocks: whether a thread waits too.
    """

    __slots__ = ("blocks", "seconds")

    def __init__(self, seconds: float, *, blocks: bool = False) -> None:
        self.seconds = seconds
        self.blocks = blocks


def run_sync(flow: Flow[T]) -> T:
    """Drives a flow from a thread that may block; what it yields is run to its end before it goes on."""
    try:
        step = next(flow)
        while True:
            try:
                result = _blocking(step)
            except BaseException as error:  # noqa: BLE001  # it belongs to the flow, which decides
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as done:
        value: T = done.value
        return value


async def run_async(flow: Flow[T]) -> T:
    """Drives a flow on an event loop, asyncio's or trio's."""
    try:
        step = next(flow)
        while True:
            try:
                result = await _awaited(step)
            except BaseException as error:  # noqa: BLE001  # it belongs to the flow, which decides
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as done:
        value: T = done.value
        return value


def _blocking(step: Any) -> Any:
    if isinstance(step, Call):
        return step.blocking()
    if isinstance(step, Pause):
        # A worker thread that waits for another delivery is one that serves nobody.
        if step.blocks:
            time.sleep(step.seconds)
        return step.blocks
    return _wait(step)


async def _awaited(step: Any) -> Any:
    if isinstance(step, Call):
        return await step.awaited()
    if not isinstance(step, Pause):
        return await step
    await pause(step.seconds)
    return True


def _wait(awaitable: Awaitable[Any]) -> Any:
    # Not for those who only import this package: it takes as long as all the rest of this room.
    import asyncio

    async def wait() -> Any:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    # This thread has a loop that is running right now: another one must wait for us.
    return _in_thread(lambda: asyncio.run(wait()))


def _in_thread(work: Callable[[], Any]) -> Any:
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001  # carried over to the thread that waits
            failure.append(error)

    thread = threading.Thread(target=run, name="outworx-await", daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
