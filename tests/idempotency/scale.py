"""How much the idempotency tests do: little by default, all of it with OUTWORX_TEST_FULL=1."""

from __future__ import annotations

import os
from typing import Final

FULL: Final = os.environ.get("OUTWORX_TEST_FULL") == "1"
SCALE: Final = 10 if FULL else 1

PATIENT: Final = 10.0
"""Seconds per operation where a test is about what a store says, not how fast: the machine may be busy."""

SLACK: Final = 0.75
"""Seconds that a busy two-core machine may add to a budget before a thread is woken."""
