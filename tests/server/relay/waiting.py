"""Waiting for a condition rather than for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 30.0


def wait_for(condition: Callable[[], T], complaint: Callable[[], str] = str) -> T:
    """Polls until `condition` gives something true; gives that."""
    until = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"it did not happen within {PATIENCE:.0f} s\n{complaint()}")
        time.sleep(0.02)
