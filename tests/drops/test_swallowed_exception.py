"""The exception that kept a delivery from its mark, and where it was handled."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import weakref
from typing import Any

import pytest

from outworx_otel.delivery.track import TrackContext
from outworx_otel.drops import Finding, watch

from .delivering import deliver, line_of


class Declined(Exception):
    pass


def charge(amount: int) -> None:
    if amount > 100:
        raise Declined(amount)  # here: raised


def swallowed(found: tuple[Finding, ...]) -> Finding:
    assert found, "nothing was found"
    assert found[0].cause == "swallowed_exception", found
    return found[0]


def test_names_the_type_and_both_lines() -> None:
    async def handler(track: TrackContext) -> str:
        try:
            charge(1000)
            track.processed()
        except Exception:  # noqa: BLE001  # here: caught
            await asyncio.sleep(0)
        return "done"

    (finding,) = deliver(handler)
    assert finding == Finding(
        "swallowed_exception",
        __file__,
        line_of("caught", __file__),
        "test_names_the_type_and_both_lines.<locals>.handler",
        f"{__name__}.Declined",
        f"raised at {__file__}:{line_of('raised', __file__)} in charge",
    )


def test_the_clause_that_caught_it_among_several() -> None:
    def handler(track: TrackContext) -> str:
        try:
            charge(1000)
        except (KeyError, ValueError):
            return "bad"
        except Declined:  # here: the second clause
            return "declined"
        else:
            track.processed()
        return "done"

    found = deliver(handler)
    assert swallowed(found).line == line_of("the second clause", __file__)
    # Where it returned from is a finding too, and comes second.
    assert [finding.cause for finding in found] == ["swallowed_exception", "early_return"]


def test_a_bare_except_and_suppress() -> None:
    def bare(track: TrackContext) -> None:
        try:
            charge(1000)
        except:  # noqa: E722  # here: bare
            return
        track.processed()

    def suppressing(track: TrackContext) -> str:
        with contextlib.suppress(Declined):  # here: suppress
            charge(1000)
            track.processed()
        return "done"

    assert swallowed(deliver(bare)).line == line_of("bare", __file__)
    assert swallowed(deliver(suppressing)).line == line_of("suppress", __file__)


def test_what_is_only_passed_on_is_not_swallowed_there() -> None:
    def passing_on() -> None:
        try:
            with contextlib.nullcontext():
                charge(1000)
        except KeyError:
            pass
        except Declined:
            raise
        finally:
            len("cleaning up")

    def handler(track: TrackContext) -> None:
        try:
            passing_on()
            track.processed()
        except Declined:  # here: in the end
            pass

    (finding,) = deliver(handler)
    assert finding.line == line_of("in the end", __file__)


def test_a_translated_exception_is_the_one_that_was_swallowed() -> None:
    def translate() -> None:
        try:
            charge(1000)
        except Declined as declined:
            raise RuntimeError("no") from declined

    def handler(track: TrackContext) -> None:
        try:
            translate()
            track.processed()
        except RuntimeError:  # here: translated
            pass

    finding = swallowed(deliver(handler))
    assert (finding.exception_type, finding.line) == ("RuntimeError", line_of("translated", __file__))


async def marks(track: TrackContext) -> None:
    charge(1000)
    track.processed()


def test_one_that_broke_off_the_function_that_marks() -> None:
    async def handler(track: TrackContext) -> str:
        try:
            await marks(track)
        except Declined:  # here: broke off
            return "declined"
        return "done"

    assert swallowed(deliver(handler)).line == line_of("broke off", __file__)


def lenient(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # here: harmless
        return 0


def test_an_early_return_comes_before_an_exception_that_had_nothing_to_do_with_it() -> None:
    def handler(track: TrackContext) -> str:
        if lenient("none") == 0:
            return "nothing to do"
        track.processed()
        return "done"

    found = deliver(handler)
    assert [finding.cause for finding in found] == ["early_return", "swallowed_exception"]
    assert found[1].line == line_of("harmless", __file__)


def test_the_one_that_skipped_the_mark_comes_before_a_later_one() -> None:
    def handler(track: TrackContext) -> str:
        try:
            charge(1000)
            track.processed()
        except Declined:  # here: the one that counts
            pass
        lenient("later")
        return "done"

    assert swallowed(deliver(handler)).line == line_of("the one that counts", __file__)


def test_what_libraries_handle_among_themselves_is_their_business() -> None:
    def handler(track: TrackContext) -> str:
        json.JSONDecoder().decode(" 1 ")
        with contextlib.closing(iter_once()) as once:
            list(once)
        getattr(object(), "missing", None)
        return "done"

    def iter_once() -> Any:
        yield 1

    assert [finding.cause for finding in deliver(handler)] == ["never_marked"]


def test_a_delivery_that_was_marked_is_not_accused() -> None:
    def handler(track: TrackContext) -> str:
        lenient("none")
        try:
            charge(1000)
        except Declined:
            track.failed("declined")
        return "done"

    assert deliver(handler) == ()


def test_neither_exceptions_nor_frames_are_kept_alive() -> None:
    class Heavy:
        pass

    seen: list[weakref.ref[Any]] = []

    def fail() -> None:
        heavy = Heavy()
        seen.append(weakref.ref(heavy))
        raise Declined

    def handler(track: TrackContext) -> None:
        with contextlib.suppress(Declined):
            fail()

    watched = watch(handler)
    assert watched is not None
    gc.disable()
    try:
        handler(TrackContext())
        assert seen[0]() is None
    finally:
        gc.enable()
    assert watched.findings()[-1].exception_type == f"{__name__}.Declined"
    watched.close()
    assert watched.findings() == ()


@pytest.mark.parametrize("count", [1, 500])
def test_however_many_there_are_only_a_few_are_kept(count: int) -> None:
    def handler(track: TrackContext) -> None:
        for _ in range(count):
            lenient("x")

    watched = watch(handler)
    assert watched is not None
    handler(TrackContext())
    assert len(watched.caught or ()) <= 16
    watched.close()
