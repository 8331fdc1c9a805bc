"""What begins anew after a fork, and calls at a later time."""

from __future__ import annotations

import gc
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider

from outworx_otel.idempotency import GuardedStore, LeaseKeeper, MemoryStore
from outworx_otel.process import forks
from outworx_otel.process.forks import PerProcess, after_fork_in_child
from outworx_otel.process.timer import Timer
from outworx_otel.telemetry._metrics import Instruments


def in_child(check: Callable[[], bool]) -> bool:
    """Whether `check` holds in a forked child."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def until(check: Callable[[], object]) -> None:
    gives_up = time.monotonic() + 20
    while not check():
        assert time.monotonic() < gives_up
        time.sleep(0.005)


def test_a_callback_is_called_in_the_child_alone() -> None:
    called: list[int] = []
    after_fork_in_child(lambda: called.append(os.getpid()))
    assert in_child(lambda: called == [os.getpid()])
    assert called == []


def test_a_callback_that_raises_keeps_no_other_from_its_turn() -> None:
    class Broken:
        def call(self) -> None:
            called.append("broken")
            raise ZeroDivisionError

    # An object's method: a function would be called in every child of the tests that follow.
    called, broken = list[str](), Broken()
    after_fork_in_child(broken.call)
    after_fork_in_child(lambda: called.append("the next"))
    assert in_child(lambda: called == ["broken", "the next"])


def test_a_function_that_is_given_twice_is_called_once() -> None:
    called: list[bool] = []

    def callback() -> None:
        called.append(True)

    after_fork_in_child(callback)
    after_fork_in_child(callback)
    assert in_child(lambda: called == [True])


def test_metrics_that_another_thread_was_counting_at_the_fork_are_counted_in_the_child() -> None:
    instruments = Instruments(NoOpMeterProvider())
    held, done = threading.Event(), threading.Event()

    def count() -> None:
        with instruments._lock():
            held.set()
            done.wait(20)

    counting = threading.Thread(target=count)
    counting.start()
    held.wait(20)
    try:
        assert in_child(lambda: instruments._lock().acquire(blocking=False))
        assert not instruments._lock().acquire(blocking=False)
    finally:
        done.set()
        counting.join()


def test_a_method_is_called_for_as_long_as_its_object_lives() -> None:
    class Counter:
        called = 0

        def count(self) -> None:
            Counter.called += 1

    kept, gone = Counter(), Counter()
    after_fork_in_child(kept.count)
    after_fork_in_child(gone.count)
    del gone
    gc.collect()
    assert in_child(lambda: Counter.called == 1)
    assert None not in [known() for known in list(forks._callbacks)]


def test_each_process_makes_its_own_once() -> None:
    made: list[int] = []
    own: PerProcess[int] = PerProcess(lambda: made.append(1) or os.getpid())  # type: ignore[func-returns-value]
    assert [own(), own()] == [os.getpid()] * 2
    assert in_child(lambda: own() == os.getpid() and made == [1, 1])
    assert own.forget() == os.getpid()
    assert own.forget() is None


def test_a_lock_that_was_held_at_the_fork_is_free_in_the_child() -> None:
    lock = PerProcess(lambda: threading.Lock())
    with lock():
        assert in_child(lambda: lock().acquire(timeout=1))


def test_primitives_are_made_at_their_first_use_after_a_fork() -> None:
    """gunicorn's gevent worker replaces them between fork and first use: those from before would stop the worker."""
    store = GuardedStore(MemoryStore(), workers=2)  # type: ignore[arg-type]  # has no `tidy`
    plain, keeper, timer = MemoryStore(), LeaseKeeper(), Timer("test")

    def use() -> None:
        store.claim("key", "token", 100)
        plain.claim("key", "token", 100)
        keeper.unregister(keeper.register(plain, "key", "token", 100))
        timer.call_in(100, int)

    def patched() -> bool:
        made: list[str] = []

        def counting(module: Any, name: str) -> None:
            real = getattr(module, name)

            def make(*args: Any, **kwargs: Any) -> Any:
                made.append(name)
                return real(*args, **kwargs)

            setattr(module, name, make)

        for module, name in ((threading, "Lock"), (threading, "Condition"), (queue, "SimpleQueue")):
            counting(module, name)
        use()
        # The stores' two and the keeper's, the breaker's and the pool's; two timers; the pool's jobs.
        return made.count("Lock") >= 5 and made.count("Condition") >= 2 and made.count("SimpleQueue") == 1

    use()
    assert in_child(patched)
    store.close()


def test_calls_are_made_in_the_order_of_their_time_on_one_thread() -> None:
    timer, made = Timer("test"), list[tuple[str, int]]()

    def note(name: str) -> Callable[[], None]:
        return lambda: made.append((name, threading.get_ident()))

    timer.call_in(0.1, note("late"))
    timer.call_in(0.0, note("early"))
    timer.call_in(0.05, note("cancelled")).cancel()
    until(lambda: len(made) == 2)
    assert [name for name, _ in made] == ["early", "late"]
    assert len({thread for _, thread in made}) == 1


def test_a_call_that_raises_is_logged_and_the_next_is_made(caplog: pytest.LogCaptureFixture) -> None:
    timer, made = Timer("test"), list[bool]()
    timer.call_in(0, lambda: 1 / 0)
    timer.call_in(0, lambda: made.append(True))
    until(lambda: made)
    assert "a call at its deadline failed" in caplog.text


def test_past_the_bound_a_call_is_made_at_once_and_cancelled_ones_take_no_room() -> None:
    timer, made = Timer("test", max_waiting=2), list[str]()
    first = timer.call_in(100, lambda: made.append("first"))
    timer.call_in(100, lambda: made.append("second"))
    timer.call_in(100, lambda: made.append("third"))
    assert made == ["third"]
    first.cancel()
    timer.call_in(100, lambda: made.append("fourth"))
    assert made == ["third"]


def test_a_timer_without_a_thread_starts_one_as_soon_as_there_is_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    timer, made = Timer("test"), list[bool]()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        timer.call_in(0, lambda: made.append(True))
    assert "can't start new thread" in caplog.text
    timer.ensure_running()
    until(lambda: made)


def test_a_forked_child_has_none_of_its_parent_s_calls_and_a_thread_of_its_own() -> None:
    timer, made = Timer("test"), list[str]()
    timer.call_in(0.05, lambda: made.append("the parent's"))

    def check() -> bool:
        timer.call_in(0.1, lambda: made.append("the child's"))
        until(lambda: made)
        return made == ["the child's"]

    assert in_child(check)
    until(lambda: made)


def test_importing_the_rooms_of_keys_starts_no_thread_and_hooks_three_notes_at_most() -> None:
    code = (
        "import threading\n"
        "import outworx_otel.process.environment, outworx_otel.process.timer, outworx_otel.idempotency\n"
        "from outworx_otel.process import forks\n"
        "print(len(forks._callbacks) <= 3, threading.active_count())"
    )
    source = Path(__file__).parents[2] / "src"
    ran = subprocess.run(  # noqa: S603  # our own program text
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "True 1\n"
