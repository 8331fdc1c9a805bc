"""Silent drops, explained: where and why a delivery was answered without being marked.

Nothing is installed at import. The first `watch()` switches the observers on; `stop()` switches them off.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from typing import Any, Final

from outworx_otel.drops import explaining, unawaited
from outworx_otel.drops.finding import Cause, Finding
from outworx_otel.drops.graph import Node
from outworx_otel.drops.handler_reader import HandlerReader
from outworx_otel.drops.monitor import Monitor
from outworx_otel.drops.observations import Observations
from outworx_otel.process.forks import after_fork_in_child

__all__ = ["Cause", "Finding", "Watch", "stop", "watch"]

logger = logging.getLogger("outworx_otel")

_MAX_HANDLERS: Final = 1024


class _Observers:
    """The observers of this process, and the handlers it knows."""

    def __init__(self) -> None:
        self.on = False
        self.sees = False
        self.reader = HandlerReader()
        self.handlers: dict[int, tuple[weakref.ref[Any], tuple[Node, ...]]] = {}
        self.said: set[str] = set()
        self.lock = threading.Lock()

    def start(self) -> None:
        with self.lock:
            if self.on:
                return
            awaits = unawaited.install()
            monitor = Monitor.register()
            self.sees = awaits or monitor is not None
            self.reader = monitor or HandlerReader()
            self.on = True
            after_fork_in_child(_renew_locks)
        if monitor is None:
            self.say(
                "silent drops: sys.monitoring is not to be had (Python 3.12 or newer, with a free tool id), so "
                "of the causes only missing_await is looked for"
            )

    def stop(self) -> None:
        with self.lock:
            if self.on:
                self.on = False
                unawaited.uninstall()
                self.handlers.clear()
                self.reader.stop()

    def prepare(self, handler: Any) -> tuple[Node, ...]:
        """Returns the code that a handler consists of, which is read once. Starts the observers if need be."""
        if not self.on:
            self.start()
        if not self.sees:
            return ()
        key = getattr(handler, "__func__", handler)
        known = self.handlers.get(id(key))
        if known is not None and known[0]() is key:
            return known[1]
        reader = self.reader
        if reader.full or len(self.handlers) >= _MAX_HANDLERS:
            self.handlers.clear()
            reader.forget()
        nodes = reader.add_handler(handler)
        if not nodes:
            self.say(f"silent drops: no Python code of the application behind the handler {handler!r}")
        with contextlib.suppress(TypeError):  # takes no weak reference
            self.handlers[id(key)] = (weakref.ref(key), nodes)
        return nodes

    def say(self, message: str) -> None:
        """Logs a message once, at DEBUG: the delivery keeps its status, without a cause."""
        if message not in self.said and len(self.said) < _MAX_HANDLERS:
            self.said.add(message)
            logger.debug("%s", message)

    def renew_locks(self) -> None:
        """Called in a forked child, where the thread that held a lock does not exist."""
        self.lock = threading.Lock()
        self.reader.renew_lock()


_observers = _Observers()


def _renew_locks() -> None:
    _observers.renew_locks()


class Watch(Observations):
    """One delivery that is watched, from `watch()` until `close()`."""

    __slots__ = ()

    def findings(self) -> tuple[Finding, ...]:
        """Returns why the delivery was dropped, the most telling reason first. Call it only if it was."""
        try:
            return () if self.closed else explaining.findings(self)
        except Exception as error:  # noqa: BLE001  # ours: the delivery keeps its status, without a cause
            logger.debug("silent drops: no cause could be found: %r", error)
            return ()


def watch(handler: Any) -> Watch | None:
    """Starts to watch the delivery that `handler` is about to be called for, in the calling context.

    Args:
        handler: the view as the framework holds it: a function, however wrapped, a bound method, a view class.

    Returns:
        The watch: call `findings()` if the delivery was dropped, and `close()` in any case. None where nothing
        can be seen, or something of ours failed.
    """
    try:
        known = _observers.handlers.get(id(handler))
        if known is not None and known[0]() is handler:
            nodes = known[1]
        else:
            nodes = _observers.prepare(handler)
        return Watch(nodes) if _observers.sees else None
    except Exception as error:  # noqa: BLE001  # ours: the delivery goes on, without a cause
        _observers.say(f"silent drops: {handler!r} could not be watched: {error!r}")
        return None


def stop() -> None:
    """Switches every observer off; the next `watch()` switches them on again."""
    try:
        _observers.stop()
    except Exception as error:  # noqa: BLE001  # ours
        _observers.say(f"silent drops: switching off failed: {error!r}")
