"""The export queues of this process, which share one deadline when the process ends."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from outworx_otel.export.export_queue import ExportQueue

EXIT_TIMEOUT: Final = 5.0

# A list, not a WeakSet: copying it is atomic, and a signal handler or another thread may do so any time.
_queues: list[weakref.ref[ExportQueue[Any]]] = []


def add(queue: ExportQueue[Any]) -> None:
    """Adds a queue, by weak reference."""
    _queues.append(weakref.ref(queue, _queues.remove))


_starters: list[weakref.ref[Starter]] = []


class Starter(Protocol):
    """Begins something with a process's first item."""

    def begin(self) -> None: ...


def on_start(starter: Starter) -> None:
    """Calls `begin()` whenever a queue starts its thread, so with a process's first item. Held weakly."""
    _starters.append(weakref.ref(starter, _starters.remove))


def started() -> None:
    """Tells those who asked."""
    for reference in list(_starters):
        starter = reference()
        if starter is not None:
            starter.begin()


def finish_within(seconds: float = EXIT_TIMEOUT) -> None:
    """Gives all queues together `seconds` from now to finish."""
    for queue in _open():
        queue.give_up_after(seconds)


def finish_if_exiting() -> None:
    """Starts the common deadline if the interpreter is exiting.

    The providers are shut down one after the other by `atexit`, in an order that depends on the
    application: without a common deadline each would wait its own five seconds for a dead receiver.
    Python declares the main thread finished just before it runs the `atexit` functions.
    """
    if not threading.main_thread().is_alive():
        finish_within()


def _open() -> list[ExportQueue[Any]]:
    return [queue for reference in list(_queues) if (queue := reference()) is not None]
