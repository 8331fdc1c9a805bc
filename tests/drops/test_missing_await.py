"""A coroutine that was thrown away, on every Python."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import warnings
from typing import Any

import pytest

from outworx_otel import drops
from outworx_otel.delivery.track import TrackContext
from outworx_otel.drops import Finding

from .delivering import deliver, line_of

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")


async def record(track: TrackContext) -> None:
    track.processed()


class Ledger:
    async def book(self, track: TrackContext) -> None:
        track.processed()


def lost(findings: tuple[Finding, ...]) -> list[tuple[str, int, str]]:
    # Where the interpreter says it, it knows no qualified name.
    return [(f.detail, f.line, f.function.split(".")[-1]) for f in findings if f.cause == "missing_await"]


def test_names_the_coroutine_and_the_line_where_it_was_made() -> None:
    async def handler(track: TrackContext) -> None:
        record(track)  # here: thrown away

    (finding,) = deliver(handler)
    assert finding.cause == "missing_await"
    assert finding.file == __file__
    assert finding.line == line_of("thrown away", __file__)
    assert finding.detail == "coroutine 'record' was never awaited"


def test_names_the_line_where_it_was_made_not_the_one_where_it_died() -> None:
    async def handler(track: TrackContext) -> str:
        booked = Ledger().book(track)  # here: kept for a while
        await asyncio.sleep(0)
        return "booked" if booked else "not booked"

    assert lost(deliver(handler)) == [
        ("coroutine 'Ledger.book' was never awaited", line_of("kept for a while", __file__), "handler")
    ]


async def wait(track: TrackContext) -> None:
    later = asyncio.sleep(0)  # here: of a library
    await asyncio.sleep(0)
    del later


def test_names_the_line_where_a_librarys_coroutine_was_made() -> None:
    async def handler(track: TrackContext) -> None:
        await wait(track)

    assert lost(deliver(handler)) == [
        ("coroutine 'sleep' was never awaited", line_of("of a library", __file__), "wait")
    ]


def test_the_call_that_was_awaited_is_not_the_one_that_is_named() -> None:
    async def handler(track: TrackContext) -> str:
        await note()
        kept = note()  # here: the one that is kept
        return f"{bool(kept)}"

    async def note() -> None:
        await asyncio.sleep(0)

    assert [line for _, line, _ in lost(deliver(handler))] == [line_of("the one that is kept", __file__)]


def test_is_found_in_a_synchronous_handler() -> None:
    def handler(track: TrackContext) -> None:
        record(track)  # here: synchronous

    assert lost(deliver(handler))[0][1] == line_of("synchronous", __file__)


def test_is_found_in_a_task_and_in_a_thread_of_the_delivery() -> None:
    async def in_a_task(track: TrackContext) -> None:
        record(track)  # here: in a task

    def in_a_thread(track: TrackContext) -> None:
        record(track)  # here: in a thread

    async def handler(track: TrackContext) -> None:
        await asyncio.create_task(in_a_task(track))
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(in_a_thread, track))
        thread.start()
        thread.join()

    assert [line for _, line, _ in lost(deliver(handler))] == [
        line_of("in a task", __file__),
        line_of("in a thread", __file__),
    ]


def test_another_delivery_is_not_accused() -> None:
    async def clean(track: TrackContext) -> None:
        await asyncio.sleep(0.02)

    async def dirty(track: TrackContext) -> None:
        await asyncio.sleep(0.01)
        record(track)

    async def one(handler: Any) -> tuple[Finding, ...]:
        watched = drops.watch(handler)
        assert watched is not None
        await handler(TrackContext())
        found = watched.findings()
        watched.close()
        return found

    async def both() -> list[tuple[Finding, ...]]:
        return list(await asyncio.gather(one(clean), one(dirty)))

    of_clean, of_dirty = asyncio.run(both())
    assert lost(of_clean) == []
    assert len(lost(of_dirty)) == 1


def test_a_coroutine_of_a_library_with_no_line_of_the_application_is_left_out() -> None:
    async def handler(track: TrackContext) -> None:
        # Made, and thrown away, by code that has no place in the application.
        made = eval(compile("record(track)", "<string>", "eval"))  # noqa: S307
        del made

    assert all(finding.file == __file__ for finding in deliver(handler))


def test_only_the_first_few_are_kept() -> None:
    def handler(track: TrackContext) -> None:
        for _ in range(100):
            record(track)

    assert len(lost(deliver(handler))) == 8


def test_the_interpreters_own_warning_still_names_the_applications_line() -> None:
    def handler(track: TrackContext) -> None:
        record(track)  # here: warned of

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deliver(handler)
    (warning,) = [one for one in caught if issubclass(one.category, RuntimeWarning)]
    assert "coroutine 'record' was never awaited" in str(warning.message)
    assert (warning.filename, warning.lineno) == (__file__, line_of("warned of", __file__))


def test_outside_of_a_delivery_the_warning_is_all() -> None:
    watched = drops.watch(record)
    assert watched is not None
    watched.close()
    with pytest.warns(RuntimeWarning, match="'record' was never awaited"):
        record(TrackContext())
    assert watched.findings() == ()


def test_what_the_application_has_coroutines_note_is_used_and_left_as_it_is() -> None:
    async def handler(track: TrackContext) -> None:
        kept = [record(track)]  # here: noted by asyncio's debug mode
        kept.append(record(track))  # here: noted, too

    sys.set_coroutine_origin_tracking_depth(1)
    try:
        lines = [line for _, line, _ in lost(deliver(handler))]
        assert sys.get_coroutine_origin_tracking_depth() == 1
    finally:
        sys.set_coroutine_origin_tracking_depth(0)
    assert sorted(lines) == [
        line_of("noted by asyncio's debug mode", __file__),
        line_of("noted, too", __file__),
    ]


def test_nobody_elses_coroutines_become_dearer() -> None:
    watched = drops.watch(record)
    assert watched is not None
    assert sys.get_coroutine_origin_tracking_depth() == 0
    watched.close()


def test_a_watch_may_be_closed_in_another_thread_and_twice() -> None:
    watched = drops.watch(record)
    assert watched is not None
    thread = threading.Thread(target=watched.close)
    thread.start()
    thread.join()
    watched.close()
    record(TrackContext())
    assert watched.findings() == ()
