"""One flow under two drivers: what is yielded is waited for, what it raises comes back."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from outworx_otel.delivery.flow import Call, Flow, Pause, run_async, run_sync


async def doubled(number: int) -> int:
    await anyio.lowlevel.checkpoint()
    return 2 * number


async def broken() -> None:
    await anyio.lowlevel.checkpoint()
    raise KeyError("x")


def adds() -> Flow[int]:
    first = yield doubled(1)
    second = yield Call(lambda: 10, lambda: doubled(5))
    return first + second  # type: ignore[no-any-return]


def catches() -> Flow[str]:
    try:
        yield broken()
    except KeyError as error:
        return f"caught {error}"
    raise AssertionError


def lets_through() -> Flow[None]:
    yield broken()


def under_sync(flow: Flow[Any]) -> Any:
    return run_sync(flow)


def under_sync_in_a_loop(flow: Flow[Any]) -> Any:
    async def inside() -> Any:
        return run_sync(flow)

    return asyncio.run(inside())


def under_asyncio(flow: Flow[Any]) -> Any:
    return asyncio.run(run_async(flow))


def under_trio(flow: Flow[Any]) -> Any:
    return anyio.run(run_async, flow, backend="trio")


DRIVERS = [under_sync, under_sync_in_a_loop, under_asyncio, under_trio]


@pytest.mark.parametrize("drive", DRIVERS)
def test_a_flow_is_told_what_came_of_what_it_yielded(drive: Any) -> None:
    assert drive(adds()) == 12


@pytest.mark.parametrize("drive", DRIVERS)
def test_a_flow_may_catch_what_was_raised(drive: Any) -> None:
    assert drive(catches()) == "caught 'x'"


@pytest.mark.parametrize("drive", DRIVERS)
def test_what_a_flow_does_not_catch_comes_out(drive: Any) -> None:
    with pytest.raises(KeyError):
        drive(lets_through())


@pytest.mark.parametrize("drive", DRIVERS)
def test_a_flow_that_yields_nothing_returns_at_once(drive: Any) -> None:
    def plain() -> Flow[int]:
        return 5
        yield

    assert drive(plain()) == 5


@pytest.mark.parametrize(
    ("drive", "paused"), [(under_sync, False), (under_asyncio, True), (under_trio, True)]
)
def test_only_an_event_loop_can_pause(drive: Any, paused: bool) -> None:
    def pauses() -> Flow[Any]:
        return (yield Pause(0.001))

    assert drive(pauses()) is paused


def test_an_event_loop_is_never_blocked_by_the_blocking_face() -> None:
    thread = threading.get_ident()

    def faces() -> Flow[Any]:
        return (yield Call(lambda: pytest.fail("blocked the loop"), lambda: doubled(thread)))

    assert under_asyncio(faces()) == 2 * thread


def test_cancelling_reaches_the_flow() -> None:
    seen: list[str] = []

    def waits() -> Flow[None]:
        try:
            yield asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def cancel() -> None:
        task = asyncio.ensure_future(run_async(waits()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert seen == ["cancelled"]
