"""The outboxes of this process: started anew in a forked child, hurried together when the process ends."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from outworx_otel.process.forks import after_fork_in_child

if TYPE_CHECKING:
    from outworx_otel.export.outbox import Outbox

EXIT_TIMEOUT: Final = 5.0

# A list, not a WeakSet: copying it is atomic, and a signal handler or another thread may do so any time.
_outboxes: list[weakref.ref[Outbox[Any]]] = []
_hooked = False


def watch(outbox: Outbox[Any]) -> None:
    """Include an outbox for as long as somebody else holds it."""
    global _hooked
    _outboxes.append(weakref.ref(outbox, _outboxes.remove))
    if not _hooked:
        _hooked = True
        after_fork_in_child(_reset)


def hurry(seconds: float = EXIT_TIMEOUT) -> None:
    """Let every outbox finish within `seconds` from now, all at the same time."""
    for outbox in _living():
        outbox.give_up_after(seconds)


def hurry_if_exiting() -> None:
    """Start the common deadline when the interpreter has begun to exit.

    The providers are shut down one after the other by `atexit`, in an order that depends on the
    application: without a common deadline each would wait its own five seconds for a dead receiver.
    Python declares the main thread finished just before it runs the `atexit` functions.
    """
    if not threading.main_thread().is_alive():
        hurry()


def _reset() -> None:
    for outbox in _living():
        outbox.reset()


def _living() -> list[Outbox[Any]]:
    return [outbox for reference in list(_outboxes) if (outbox := reference()) is not None]
