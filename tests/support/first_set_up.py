"""The set-up of a process in which nothing was said yet.

`init()` sets a process up for good, as OpenTelemetry's global providers are set for good. Nothing in production takes
it back, and a process for each test would take half a second.
"""

from __future__ import annotations

from typing import Any

import pytest

from outworx_otel.setup import bootstrap


def begin_anew(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Any:
    """Until the test is over, a set-up of its own. Returns what was given in code: at first the arguments."""
    made = bootstrap._Given(**given)
    monkeypatch.setattr(bootstrap, "_given", made)
    return made
