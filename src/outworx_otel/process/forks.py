"""The one mechanism for what a forked child must make anew: locks, threads, connections.

A lock that another thread held at the moment of the fork stays locked in the child for ever, and a connection used by
both processes mixes up their answers. The hook is set with the first callback.

Make locks and threads at their first use in a process (`PerProcess`), not at the fork: gunicorn's gevent worker
patches `threading` after the fork, and a greenlet that waits for an older lock would stop the whole worker.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_MADE: Final = "made"
_logger = logging.getLogger("outworx_otel")

# A list of functions that give the callback, None once its owner is gone: copying it is atomic, and a signal handler
# may do so any time.
_callbacks: list[Callable[[], Callable[[], Any] | None]] = []
_after_silent_forks: list[Callable[[], Any]] = []
_at_first_work: list[Callable[[], Any]] = []
_hooked = False
_process = os.getpid()
_worked: int | None = None
# Which thread begins anew, by process.
_noticed: dict[int, int] = {}
# When this process began, as far as anything of ours was there, and whether by a fork.
_began = time.monotonic(), False


def began() -> tuple[float, bool]:
    """When this process began by the monotonic clock, as far as we were there; and whether it is known as a fork."""
    return _began


def after_fork_in_child(callback: Callable[[], Any]) -> None:
    """Calls `callback` in every forked child, before any of its other threads run.

    Args:
        callback: takes nothing. The object of a bound method is held weakly and forgotten with its last reference;
            a function is held for ever, and called once however often it is given.
    """
    global _hooked
    if isinstance(callback, MethodType):
        _callbacks.append(_weak(callback))
    elif not any(known() is callback for known in _callbacks):
        _callbacks.append(lambda: callback)
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked = True
        os.register_at_fork(after_in_child=_begin_anew)


def after_silent_fork(callback: Callable[[], Any]) -> None:
    """Calls a function, besides, in a child whose fork Python was not told of: others' hooks were not called."""
    _after_silent_forks.append(callback)


def at_first_work(callback: Callable[[], Any]) -> None:
    """Calls a function in each process before its first delivery. Held for ever."""
    _at_first_work.append(callback)


def notice_work() -> None:
    """A delivery begins: begins anew after a silent fork, and tells who asked for a process's first one."""
    global _worked
    if os.getpid() != _worked:
        notice_silent_fork()
        _worked = os.getpid()
        for callback in _at_first_work:
            _call(callback)


def notice_silent_fork() -> None:
    """Begins anew where this process was forked and Python was not told, as by uWSGI. Called before any work."""
    process = os.getpid()
    if process == _process:
        return
    thread = threading.get_ident()
    if _noticed.setdefault(process, thread) == thread:
        _begin_anew()
        for callback in _after_silent_forks:
            _call(callback)
        del _noticed[process]
    # Another thread's, with no lock: one from before the fork would not do.
    while process in _noticed:
        time.sleep(0.001)


def _weak(method: MethodType) -> Callable[[], Callable[[], Any] | None]:
    # No weakref.WeakMethod: while Python 3.14 ends, its callback finds its module emptied, and says so on stderr.
    def callback() -> Callable[[], Any] | None:
        owner = owner_of()
        return None if owner is None else MethodType(function, owner)

    def forget(_: object, remove: Callable[[Any], None] = _callbacks.remove) -> None:
        remove(callback)

    function = method.__func__
    owner_of = weakref.ref(method.__self__, forget)
    return callback


def _begin_anew() -> None:
    global _process
    for reference in list(_callbacks):
        callback = reference()
        if callback is not None:
            _call(callback)
    _process = os.getpid()


def _call(callback: Callable[[], Any]) -> None:
    try:
        callback()
    except Exception:  # the other callbacks must be called too
        _logger.exception("beginning anew after a fork failed")


def _note_fork() -> None:
    global _began
    _began = time.monotonic(), True


after_fork_in_child(_note_fork)


class PerProcess(Generic[T]):
    """Something that each process makes for itself, at its first use there.

    Args:
        make: makes it; may be called twice if two threads come first at the same time, then one result is dropped.
    """

    __slots__ = ("__weakref__", "_kept", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._kept: dict[str, T] = {}
        after_fork_in_child(self.forget)

    def __call__(self) -> T:
        """Returns this process's own, made now if need be."""
        kept = self._kept
        return kept[_MADE] if kept else kept.setdefault(_MADE, self._make())

    def forget(self) -> T | None:
        """Returns what was made, None if nothing was; the next call makes another."""
        return self._kept.pop(_MADE, None)
