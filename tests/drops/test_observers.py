"""What is switched on, when, and that it is switched off again."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import warnings

import pytest

from outworx_otel import drops
from outworx_otel.delivery.track import TrackContext

ORIGINAL = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]  # private


def reporter() -> object:
    return warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]  # private


def handler(track: TrackContext) -> None:
    track.processed()


def python(source: str) -> str:
    run = subprocess.run(  # noqa: S603  # our own tests, our own Python
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout.strip()


def test_importing_installs_nothing() -> None:
    assert (
        python(
            """
            import sys, threading, warnings
            before = warnings._warn_unawaited_coroutine
            import outworx_otel.drops
            assert warnings._warn_unawaited_coroutine is before
            assert threading.active_count() == 1
            monitoring = getattr(sys, "monitoring", None)
            print([monitoring.get_tool(i) for i in range(6)] if monitoring else [None] * 6)
            """
        )
        == "[None, None, None, None, None, None]"
    )


def test_stop_puts_the_interpreters_reporter_back() -> None:
    watched = drops.watch(handler)
    assert watched is not None
    assert reporter() is not ORIGINAL
    drops.stop()
    assert reporter() is ORIGINAL
    watched.close()


def test_somebody_who_wrapped_our_reporter_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = drops.watch(handler)
    assert watched is not None
    watched.close()
    ours = reporter()
    seen = []

    def theirs(coroutine: object) -> None:
        seen.append(coroutine)
        ours(coroutine)  # type: ignore[operator]  # a function

    async def never() -> None: ...

    with monkeypatch.context() as patched:
        patched.setattr(warnings, "_warn_unawaited_coroutine", theirs)
        drops.stop()
        with pytest.warns(RuntimeWarning, match="was never awaited"):
            never()
        assert len(seen) == 1
    drops.watch(handler)
    drops.stop()
    assert reporter() is ORIGINAL


def test_a_python_without_the_private_reporter_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    drops.stop()
    monkeypatch.delattr(warnings, "_warn_unawaited_coroutine")
    monkeypatch.delattr(sys, "monitoring", raising=False)
    assert drops.watch(handler) is None
    assert not hasattr(warnings, "_warn_unawaited_coroutine")


def test_it_is_said_once_and_softly_that_causes_are_not_to_be_had(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drops.stop()
    drops._observers.said.clear()
    monkeypatch.delattr(sys, "monitoring", raising=False)
    with caplog.at_level(logging.DEBUG, "outworx_otel"):
        for _ in range(3):
            watched = drops.watch(handler)
            assert watched is not None
            watched.close()
            drops.stop()
    (record,) = [record for record in caplog.records if "sys.monitoring" in record.getMessage()]
    assert record.levelno == logging.DEBUG


@pytest.mark.parametrize("odd", [None, 7, print, object(), "text", type, lambda: None])
def test_what_is_no_handler_of_the_application_does_no_harm(odd: object) -> None:
    watched = drops.watch(odd)
    if watched is not None:
        assert watched.findings() == ()
        watched.close()


def test_a_forked_child_goes_on_watching() -> None:
    source = """
        import os, sys, warnings
        warnings.simplefilter("ignore")
        from outworx_otel import drops
        async def lost(): ...
        def handler(): lost()
        drops.watch(handler).close()
        drops._observers.lock.acquire()  # as if another thread held it
        child = os.fork()
        if child == 0:
            drops.stop()
            watched = drops.watch(handler)
            handler()
            os._exit(len(watched.findings()) and 40)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    with_source = textwrap.dedent(source)
    # `-c` has no file, and what has none is not the application's.
    run = subprocess.run(  # noqa: S603  # our own tests, our own Python
        [sys.executable, "-c", f"exec(compile({with_source!r}, {os.devnull!r}, 'exec'))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == "40"
