"""The entry points of what is installed, read once: each reading opens a file of every distribution."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def installed(group: str) -> Iterable[EntryPoint]:
    """Those of a group, in the order in which launchers find them."""
    found: Iterable[EntryPoint] = _read(tuple(sys.path)).select(group=group)
    return found


@functools.lru_cache(maxsize=1)
def _read(path: tuple[str, ...]) -> Any:
    # Of another class before Python 3.12, which can be asked for a group too.
    return entry_points()
