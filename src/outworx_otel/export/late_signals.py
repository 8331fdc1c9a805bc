"""Wakes the main thread where Python 3.14 and newer let a signal wait for it.

CPython calls a handler when the main thread next looks. Until 3.13 it looks after every call of a function in C; 3.14
does not after one with keyword arguments (`print("ready", flush=True)`), so that it may go on into `time.sleep(3600)`
or a read that nothing ends, with the signal unseen. The default disposition of SIGTERM would have ended the process:
a handler must not keep it alive. So a thread hears of signals through Python's wake-up pipe, and repeats the one that
stays unseen, which interrupts what the main thread waits for. Where the pipe is somebody else's (an event loop's),
nothing is done: an event loop looks by itself.

Trio takes the pipe too, and warns where it is not free. That Trio is imported says nothing: httpcore imports it
wherever it is installed, and our exporter imports httpcore. So the pipe is given back when Trio runs.

asyncio takes the pipe away in every forked child (Python 3.12 and newer), whosever it is. Where it was imported late
its hook runs after ours, so the pipe is taken back behind it.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from inspect import isbuiltin
from typing import Any, Final

import wrapt

from outworx_otel.process.forks import after_fork_in_child

NEEDED: Final = sys.version_info >= (3, 14)
_PATIENCE: Final = 0.2
_TRIES: Final = 10

# The pipe's two ends, and how to watch again in a forked child.
_ours: tuple[int, int] | None = None
_again: Callable[[], None] | None = None
# Whether this Trio would find the pipe taken when it runs.
_in_trios_way = False


def watch(number: signal.Signals, is_unseen: Callable[[], bool], seconds: float, status: int) -> None:
    """Repeats a signal that the main thread does not see, and ends the process if that does not help either.

    Called in the main thread.

    Args:
        number: the signal.
        is_unseen: whether it would still wait for its handler; False where that has begun, or is somebody else's.
        seconds: after which the process is ended.
        status: the exit status of that.
    """
    global _ours, _again
    # gevent's and eventlet's threads are none: a read in one would stop all others.
    threads_are_real = isbuiltin(_thread.start_new_thread)
    if not NEEDED or _ours is not None or _in_trios_way or not threads_are_real or not is_unseen():
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    if previous != -1:
        signal.set_wakeup_fd(previous)
        os.close(reading)
        os.close(writing)
        return
    try:
        _thread.start_new_thread(_listen, (reading, number, is_unseen, seconds, status))
    except RuntimeError:  # no thread can be had
        leave()
        return
    _ours = reading, writing
    if _again is None:
        wrapt.register_post_import_hook(_make_way, "trio")
        after_fork_in_child(_begin_anew)
        wrapt.register_post_import_hook(_follow_asyncio, "asyncio.events")
    _again = partial(watch, number, is_unseen, seconds, status)


def leave() -> None:
    """Gives the wake-up pipe back, where it is still ours."""
    _put(-1)


def _make_way(trio: object) -> None:
    global _in_trios_way
    try:
        wrapt.wrap_function_wrapper(
            "trio._core._wakeup_socketpair", "WakeupSocketpair.wakeup_on_signals", _as_trio_takes_it
        )
    except (ImportError, AttributeError):  # a Trio that has it elsewhere
        _in_trios_way = True
        leave()


def _as_trio_takes_it(wrapped: Callable[..., Any], instance: object, args: Any, kwargs: Any) -> Any:
    leave()
    return wrapped(*args, **kwargs)


def _follow_asyncio(asyncio: object) -> None:
    if hasattr(os, "register_at_fork"):
        # Hooks run in the order of their registration.
        os.register_at_fork(after_in_child=_take_back)


def _take_back() -> None:
    """In a forked child, behind asyncio's hook."""
    if _ours is not None:
        _put(_ours[1])


def _put(end: int) -> None:
    """Sets the wake-up pipe to an end of ours, or to none, unless it is somebody else's."""
    if _ours is not None and threading.current_thread() is threading.main_thread():
        current = signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        if current not in (-1, _ours[1]):
            signal.set_wakeup_fd(current)


def _begin_anew() -> None:
    """In a forked child: the pipe is the parent's, whose thread would hear of the child's signals."""
    global _ours
    if _ours is None:
        return
    leave()
    for end in _ours:
        with contextlib.suppress(OSError):
            os.close(end)
    _ours = None
    if _again is not None:
        _again()


def _listen(reading: int, number: int, is_unseen: Callable[[], bool], seconds: float, status: int) -> None:
    while True:
        try:
            heard = os.read(reading, 256)
        except OSError:
            return
        if not heard:
            return
        if number in heard:
            _insist(number, is_unseen, seconds, status)


def _insist(number: int, is_unseen: Callable[[], bool], seconds: float, status: int) -> None:
    main = threading.main_thread().ident
    until = time.monotonic() + seconds
    time.sleep(_PATIENCE)
    for _ in range(_TRIES):
        if not is_unseen() or main is None:
            return
        signal.pthread_kill(main, number)
        time.sleep(_PATIENCE)
    while is_unseen():
        if time.monotonic() > until:
            os._exit(status)
        time.sleep(_PATIENCE)
