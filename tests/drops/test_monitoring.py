"""`sys.monitoring` is taken late, shared politely, and given back."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import Any

import pytest

from outworx_otel import drops
from outworx_otel.delivery.track import TrackContext
from outworx_otel.drops.monitor import _TOOL_IDS

from .delivering import deliver

monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from Python 3.12 on


def ours() -> list[int]:
    return [tool for tool in range(6) if monitoring.get_tool(tool) == "outworx_otel"]


def helper(track: TrackContext) -> None:
    if track is None:
        track.processed()


def handler(track: TrackContext) -> str:
    helper(track)
    return "done"


@pytest.fixture(autouse=True)
def _begins_switched_off() -> None:
    drops.stop()
    assert ours() == []


def test_one_tool_id_is_taken_with_the_first_watch_and_given_back_by_stop() -> None:
    assert deliver(handler)[0].cause == "early_return"
    (tool,) = ours()
    events = monitoring.events
    assert monitoring.get_events(tool) == events.EXCEPTION_HANDLED | events.RERAISE
    assert monitoring.get_local_events(tool, handler.__code__) & events.PY_RETURN
    drops.stop()
    assert ours() == []
    # Whoever takes the id next finds nothing left over.
    monitoring.use_tool_id(tool, "the next")
    try:
        assert monitoring.get_events(tool) == 0
        for code in (handler.__code__, helper.__code__):
            assert monitoring.get_local_events(tool, code) == 0
        for event in (events.EXCEPTION_HANDLED, events.RERAISE, events.PY_RETURN, events.CALL):
            assert monitoring.register_callback(tool, event, None) is None
    finally:
        monitoring.free_tool_id(tool)


def test_it_is_switched_on_again_by_the_next_watch() -> None:
    for _ in range(3):
        assert deliver(handler)[0].cause == "early_return"
        drops.stop()


def test_a_delivery_that_is_under_way_when_all_is_switched_off_has_no_cause_and_no_trouble() -> None:
    watched = drops.watch(handler)
    assert watched is not None
    drops.stop()
    handler(TrackContext())
    assert watched.findings() == ()
    watched.close()


def test_ids_that_others_have_are_left_to_them(caplog: pytest.LogCaptureFixture) -> None:
    for tool in _TOOL_IDS:
        monitoring.use_tool_id(tool, "somebody else")
    drops._observers.said.clear()
    try:
        with caplog.at_level(logging.DEBUG, "outworx_otel"):
            assert deliver(handler) == ()
            assert deliver(handler) == ()
        assert [record.levelno for record in caplog.records] == [logging.DEBUG]
        drops.stop()
        assert all(monitoring.get_tool(tool) == "somebody else" for tool in _TOOL_IDS)
    finally:
        for tool in _TOOL_IDS:
            monitoring.free_tool_id(tool)


def test_debugger_coverage_and_profiler_keep_their_places() -> None:
    deliver(handler)
    assert not set(ours()) & {monitoring.DEBUGGER_ID, monitoring.COVERAGE_ID, monitoring.PROFILER_ID}


def test_each_call_is_looked_at_once() -> None:
    looked: list[str] = []

    def other(track: TrackContext) -> None:
        looked.append("called")

    def calling(track: TrackContext) -> None:
        for _ in range(5):
            other(track)

    deliver(calling)
    graph = drops._observers.reader.graph
    learn, seen = graph.learn, []
    graph.learn = lambda *args: seen.append(args) or learn(*args)  # type: ignore[method-assign]  # counts
    deliver(calling)
    assert (len(looked), seen) == (10, [])


def test_the_memory_for_handlers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outworx_otel.drops.handler_reader.MAX_NODES", 50)
    for number in range(120):
        namespace: dict[str, Any] = {}
        source = (
            f"def handler_{number}(track):\n    if track is None:\n        track.processed()\n    return 1\n"
        )
        exec(compile(source, __file__, "exec"), namespace)  # noqa: S102
        (finding,) = deliver(namespace[f"handler_{number}"])
        assert finding.cause == "early_return"
    assert len(drops._observers.reader.graph.nodes) <= 51
    assert len(drops._observers.handlers) <= 51


def test_many_threads_may_begin_at_once() -> None:
    found: list[str] = []

    def one() -> None:
        def mine(track: TrackContext, wanted: bool) -> str:
            if not wanted:
                return "unwanted"
            helper(track)
            track.processed()
            return "done"

        for _ in range(20):
            found.extend(finding.cause for finding in deliver(mine, False))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["early_return"] * 160


def test_what_a_callback_trips_over_never_reaches_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    def trip(*args: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("outworx_otel.drops.observations.Observations.note_caught", trip)
    monkeypatch.setattr("outworx_otel.drops.graph.Graph.learn", trip)
    monkeypatch.setattr("outworx_otel.drops.explaining.findings", trip)

    def failing(track: TrackContext) -> str:
        try:
            helper(track)
            raise ValueError
        except ValueError:
            return "handled"

    watched = drops.watch(failing)
    assert watched is not None
    assert failing(TrackContext()) == "handled"
    assert watched.findings() == ()
    watched.close()


def test_generators_and_streams_are_left_as_they_are() -> None:
    async def parts(track: TrackContext) -> Any:
        try:
            yield b"one"
            yield b"two"
        finally:
            await asyncio.sleep(0)
        track.processed()

    async def streaming(track: TrackContext) -> list[bytes]:
        first = []
        async for part in parts(track):
            first.append(part)
            break
        return first

    assert deliver(streaming)[0].cause == "early_return"
