"""The `return` that an unmarked answer came from."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

from outworx_otel.delivery.track import TrackContext
from outworx_otel.drops import Finding

from .delivering import deliver, line_of


def early(found: tuple[Finding, ...]) -> Finding:
    assert found, "nothing was found"
    assert found[0].cause == "early_return", found
    assert found[0].file == __file__
    return found[0]


def test_inside_an_if() -> None:
    async def handler(track: TrackContext, wanted: bool) -> dict[str, bool]:
        if not wanted:
            return {  # here: inside an if
                "received": True,
            }
        track.processed()
        return {"received": True}

    finding = early(deliver(handler, False))
    assert finding.line == line_of("inside an if", __file__)
    assert finding.function.endswith("handler")
    assert finding.detail.startswith("returned before the mark on line ")
    assert deliver(handler, True) == ()


def test_inside_with_and_finally() -> None:
    async def handler(track: TrackContext, wanted: bool) -> int:
        async with contextlib.AsyncExitStack():
            with contextlib.nullcontext(), contextlib.suppress(ValueError):
                try:
                    if not wanted:
                        return 200  # here: inside with and finally
                finally:
                    await asyncio.sleep(0)
        track.processed()
        return 200

    assert early(deliver(handler, False)).line == line_of("inside with and finally", __file__)


def test_the_end_of_a_function_without_return() -> None:
    def handler(track: TrackContext, wanted: bool) -> None:
        if wanted:
            track.processed()
        len("the end")  # here: the end

    assert early(deliver(handler, False)).line == line_of("the end", __file__)


async def helper(track: TrackContext, wanted: bool) -> None:
    await asyncio.sleep(0)
    if not wanted:
        return  # here: in a helper
    track.processed()


def test_in_a_helper_that_was_awaited() -> None:
    async def handler(track: TrackContext, wanted: bool) -> str:
        await helper(track, wanted)
        return "done"

    finding = early(deliver(handler, False))
    assert (finding.line, finding.function) == (line_of("in a helper", __file__), "helper")


def test_before_the_helper_that_marks_was_called() -> None:
    async def handler(track: TrackContext, known: bool) -> str:
        if not known:
            return "unknown"  # here: before the helper
        await helper(track, True)
        return "done"

    finding = early(deliver(handler, False))
    assert finding.line == line_of("before the helper", __file__)
    assert "before helper on line" in finding.detail


def test_in_a_helper_that_ran_in_a_thread_or_a_task() -> None:
    def in_a_thread(track: TrackContext, wanted: bool) -> None:
        if not wanted:
            return  # here: in a thread
        track.processed()

    async def handler(track: TrackContext) -> str:
        await asyncio.to_thread(in_a_thread, track, False)
        return "done"

    async def with_a_task(track: TrackContext) -> str:
        await asyncio.create_task(helper(track, False))
        return "done"

    assert early(deliver(handler)).line == line_of("in a thread", __file__)
    assert early(deliver(with_a_task)).line == line_of("in a helper", __file__)


HANDLERS: dict[str, Callable[..., Any]] = {"helper": helper}


def test_in_what_a_table_names() -> None:
    async def handler(track: TrackContext, kind: str) -> str:
        await HANDLERS[kind](track, False)
        return "done"

    assert early(deliver(handler, "helper")).line == line_of("in a helper", __file__)


class Payments:
    def __init__(self, track: TrackContext) -> None:
        self.track = track

    def take(self, wanted: bool) -> None:
        if not wanted:
            return  # here: in a method
        self.track.processed()


def make(track: TrackContext) -> Any:
    """What it gives is not to be read off: only running shows it."""
    return __import__(__name__, fromlist=["Payments"]).__dict__["Pay" + "ments"](track)


def test_in_a_method_that_only_running_shows() -> None:
    def handler(track: TrackContext) -> str:
        service = make(track)
        service.take(False)
        return "done"

    finding = early(deliver(handler))
    assert (finding.line, finding.function) == (line_of("in a method", __file__), "Payments.take")


class Desk:
    def __init__(self, payments: Payments) -> None:
        self.payments = payments

    def serve(self, track: TrackContext, wanted: bool) -> str:
        if not wanted:
            return "unwanted"  # here: before an attribute's method
        self.payments.take(True)
        return "done"


def test_before_a_method_of_an_argument_or_an_attribute_was_ever_called() -> None:
    def handler(track: TrackContext, payments: Payments, wanted: bool) -> str:
        if not wanted:
            return "unwanted"  # here: before an argument's method
        payments.take(True)
        return "done"

    payments = Payments(TrackContext())
    assert early(deliver(handler, payments, False)).line == line_of("before an argument's method", __file__)
    serve = Desk(payments).serve
    assert early(deliver(serve, False)).line == line_of("before an attribute's method", __file__)


def refuses(track: TrackContext) -> bool:
    if track is None:
        track.failed("no track")
    return True


def test_a_helper_that_could_only_have_failed_is_not_blamed() -> None:
    def handler(track: TrackContext) -> str:
        if refuses(track):
            return "refused"  # here: refused
        track.processed()
        return "done"

    assert early(deliver(handler)).line == line_of("refused", __file__)


def logged(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def wrapper(*args: Any) -> Any:
        return view(*args)

    return wrapper


def only_once(view: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(track: TrackContext, seen: bool) -> Any:
        if seen:
            return "seen before"  # here: in a decorator
        return view(track)

    return wrapper


def test_behind_decorators() -> None:
    @logged
    @logged
    def handler(track: TrackContext, wanted: bool) -> str:
        if not wanted:
            return "unwanted"  # here: behind decorators
        track.processed()
        return "done"

    assert early(deliver(handler, False)).line == line_of("behind decorators", __file__)


def test_in_a_decorator() -> None:
    @only_once
    def handler(track: TrackContext) -> str:
        track.processed()
        return "done"

    assert early(deliver(handler, True)).line == line_of("in a decorator", __file__)
    assert deliver(handler, False) == ()


def test_in_partials_bound_methods_and_callable_objects() -> None:
    class View:
        def method(self, track: TrackContext, wanted: bool) -> str:
            if not wanted:
                return "unwanted"  # here: bound
            track.processed()
            return "done"

        __call__ = method

    line = line_of("bound", __file__)
    assert early(deliver(View().method, False)).line == line
    assert early(deliver(View(), False)).line == line
    assert early(deliver(functools.partial(View().method, wanted=False))).line == line


def test_a_handler_without_any_mark() -> None:
    def handler(track: TrackContext) -> str:
        return "done"  # here: no mark at all

    (finding,) = deliver(handler)
    assert (finding.cause, finding.line) == ("never_marked", line_of("no mark at all", __file__))


def test_an_attribute_that_is_called_as_a_mark_is_no_mark() -> None:
    class Job:
        failed = False

    def handler(track: TrackContext) -> str:
        return "failed" if Job.failed else "done"

    (finding,) = deliver(handler)
    assert finding.cause == "never_marked"


def test_two_deliveries_at_once_keep_their_own() -> None:
    async def handler(track: TrackContext, first: bool) -> str:
        await asyncio.sleep(0.01 if first else 0.02)
        if first:
            return "first"  # here: the first
        await asyncio.sleep(0)
        if track.mark is None:
            return "second"  # here: the second
        track.processed()
        return "done"

    async def both() -> list[int]:
        from outworx_otel.drops import watch

        async def one(first: bool) -> int:
            watched = watch(handler)
            assert watched is not None
            await handler(TrackContext(), first)
            line = early(watched.findings()).line
            watched.close()
            return line

        return list(await asyncio.gather(one(True), one(False)))

    assert asyncio.run(both()) == [line_of("the first", __file__), line_of("the second", __file__)]
