"""Waiting without holding a loop up: asyncio's, trio's, and trio's as a guest above asyncio's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from outworx_otel.process.job_waiting import off_loop, pause

Main = Callable[[], Awaitable[Any]]


def as_a_guest(main: Main) -> Any:
    async def host() -> Any:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Any] = loop.create_future()
        trio.lowlevel.start_guest_run(
            main, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=ended.set_result
        )
        return (await ended).unwrap()

    return asyncio.run(host())


on_each = pytest.mark.parametrize(
    "run",
    [lambda main: asyncio.run(main()), trio.run, as_a_guest],
    ids=["asyncio", "trio", "trio above asyncio"],
)


@on_each
def test_work_has_a_thread_of_its_own_and_the_loop_waits_for_it(run: Callable[[Main], Any]) -> None:
    async def main() -> bool:
        await pause(0)
        return await off_loop(threading.get_ident) != threading.get_ident()

    assert run(main)


@on_each
def test_what_work_raises_comes_back(run: Callable[[Main], Any]) -> None:
    async def main() -> None:
        await off_loop(lambda: int("none"))

    with pytest.raises(ValueError, match="none"):
        run(main)
