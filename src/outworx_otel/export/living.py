"""The outboxes of this process: started anew in a forked child, hurried when the interpreter exits.

Both hooks are set with the first outbox, so importing the package registers nothing.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outworx_otel.export.outbox import Outbox

_outboxes: weakref.WeakSet[Outbox[Any]] = weakref.WeakSet()
_hooked = False


def watch(outbox: Outbox[Any]) -> None:
    """Include an outbox for as long as somebody else holds it."""
    global _hooked
    _outboxes.add(outbox)
    if not _hooked:
        _hooked = True
        # Functions at exit run in reverse order. A provider registers its shutdown when it is made,
        # usually before its exporters: then this one runs first and all shutdowns share one deadline,
        # instead of five seconds for the spans and five more for the metrics.
        atexit.register(hurry)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_reset)


def hurry(seconds: float | None = None) -> None:
    """Let every outbox finish within `seconds` (default: five)."""
    from outworx_otel.export.outbox import EXIT_TIMEOUT

    for outbox in list(_outboxes):
        outbox.give_up_after(EXIT_TIMEOUT if seconds is None else seconds)


def _reset() -> None:
    for outbox in list(_outboxes):
        outbox.reset()
