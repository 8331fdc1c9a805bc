"""Observes returns, calls and handled exceptions by `sys.monitoring` (Python 3.12 and newer).

Exceptions can only be observed in the whole process: each handled one costs a look at a context variable.
Returns and calls are observed only in the application's functions that a handler reaches, and a call only once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from inspect import CO_COROUTINE
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

from outworx_otel.drops.handler_reader import HandlerReader
from outworx_otel.drops.observations import current
from outworx_otel.drops.origin import is_application

logger = logging.getLogger("outworx_otel")

# By convention 0, 1 and 2 belong to the debugger, coverage and the profiler, which may start later.
_TOOL_IDS: Final = (3, 4, 5)
_TOOL_NAME: Final = "outworx_otel"
_GENERATOR_EXITS: Final = (GeneratorExit, StopIteration, StopAsyncIteration)


class Monitor(HandlerReader):
    """A reader that also observes what runs, while its tool is registered.

    Args:
        monitoring: `sys.monitoring`.
        tool_id: one that was free.
    """

    def __init__(self, monitoring: Any, tool_id: int) -> None:
        super().__init__()
        self._monitoring = monitoring
        self._tool_id = tool_id
        self._events = monitoring.events
        self._disable = monitoring.DISABLE
        self._wanted: dict[int, tuple[CodeType, int]] = {}

    @classmethod
    def register(cls) -> Monitor | None:
        """Takes a free tool id. Returns None on an older Python, or where no id is free."""
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:
            return None
        for tool_id in _TOOL_IDS:
            if monitoring.get_tool(tool_id) is None:
                try:
                    monitoring.use_tool_id(tool_id, _TOOL_NAME)
                except ValueError:  # another thread was quicker
                    continue
                monitor = cls(monitoring, tool_id)
                monitor._start()
                return monitor
        return None

    def _callbacks(self) -> dict[int, Callable[..., Any]]:
        events = self._events
        return {
            events.EXCEPTION_HANDLED: _handled,
            events.RERAISE: _raised_again,
            events.PY_RETURN: _returned,
            events.CALL: self._called,
        }

    def _start(self) -> None:
        for event, callback in self._callbacks().items():
            self._monitoring.register_callback(self._tool_id, event, callback)
        self._monitoring.set_events(self._tool_id, self._events.EXCEPTION_HANDLED | self._events.RERAISE)

    def stop(self) -> None:
        """Switches everything off and gives the tool id back."""
        with self._lock:
            # Before 3.14, freeing an id leaves its events and callbacks behind for the next tool.
            self._monitoring.set_events(self._tool_id, 0)
            self.forget()
            for event in self._callbacks():
                self._monitoring.register_callback(self._tool_id, event, None)
            self._monitoring.free_tool_id(self._tool_id)

    def _deafen(self) -> None:
        for code, _ in self._wanted.values():
            self._monitoring.set_local_events(self._tool_id, code, 0)
        self._wanted.clear()

    def _listen_to_calls(self, code: CodeType) -> None:
        self._listen(code, self._events.CALL)

    def _listen_to_returns(self, code: CodeType) -> None:
        self._listen(code, self._events.CALL | self._events.PY_RETURN)

    def _listen(self, code: CodeType, events: int) -> None:
        before = self._wanted.get(id(code), (code, 0))[1]
        if before | events != before:
            self._wanted[id(code)] = (code, before | events)
            self._monitoring.set_local_events(self._tool_id, code, before | events)

    def _called(self, code: CodeType, offset: int, called: Any, _argument: Any) -> Any:
        """Notes which function calls which, once for each place."""
        kind = type(called)
        owner: object = None
        if kind is MethodType:
            owner, called = called.__self__, called.__func__
            kind = type(called)
        if kind is not FunctionType:
            return self._disable
        own = is_application(called.__code__.co_filename)
        if not own and not called.__code__.co_flags & CO_COROUTINE:
            return self._disable
        if not self._lock.acquire(blocking=False):
            return None  # another thread reads a handler; the next call from this place is noted
        try:
            caller = self.graph.nodes.get(id(code))
            if caller is None or self.full:
                return self._disable
            if own:
                self.graph.learn(caller, offset, called, owner)
            else:
                caller.foreign.append((called.__code__, offset))
        except Exception as error:  # noqa: BLE001  # in the middle of the application's code
            logger.debug("silent drops: a call could not be looked at: %r", error)
        finally:
            self._lock.release()
        return self._disable


def _returned(code: CodeType, offset: int, _value: Any) -> None:
    observations = current.get()
    if observations is not None:
        returns = observations.returns
        if returns is not None:
            key = id(code)
            returns.pop(key, None)
            returns[key] = offset


def _handled(code: CodeType, offset: int, error: BaseException) -> None:
    observations = current.get()
    if observations is None or not is_application(code.co_filename) or isinstance(error, _GENERATOR_EXITS):
        return
    try:
        observations.note_caught(code, offset, error)
    except Exception as problem:  # noqa: BLE001  # in the middle of the application's code
        logger.debug("silent drops: an exception could not be looked at: %r", problem)


def _raised_again(code: CodeType, _offset: int, error: BaseException) -> None:
    observations = current.get()
    if observations is not None and observations.caught:
        observations.note_raised_again(code, error)
