"""What lives in one process and must begin anew in a forked child: locks, threads, connections.

A lock that another thread held at the moment of the fork stays locked in the child for ever, and a connection used on
both sides mixes up their answers. The hook is set with the first object, so importing the package registers nothing.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that can begin anew."""

    def after_fork(self) -> None:
        """Called in the child, before any of its threads run; must not use what it had before."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
_hooked = False


def watch(one: Forkable) -> None:
    """Includes an object for as long as somebody else holds it."""
    global _hooked
    _watched.add(one)
    if not _hooked:
        _hooked = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_begin_anew)


def _begin_anew() -> None:
    for one in list(_watched):
        one.after_fork()
