"""How large the storms are: a part by default, all of it with `OUTWORX_TEST_FULL=1`."""

from __future__ import annotations

from typing import Final

from support.scale import FULL as FULL

PROCESSES, KEYS, DUPLICATES = (8, 200, 10) if FULL else (2, 40, 5)

BUDGET: Final = 0.25
"""Seconds that one operation on a store may cost a delivery; it makes two, a claim and a commit."""

SLACK: Final = 0.75
"""Seconds that a busy machine with two cores may add before a thread, here or in the server, is woken."""
