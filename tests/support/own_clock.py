"""A clock of a test's own, for one module alone: with everybody's, threads that wait would wait for hours."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest


def set_clock(monkeypatch: pytest.MonkeyPatch, module: str, now: Callable[[], float]) -> None:
    """Makes `time.monotonic()` in a module of ours say what `now` gives."""
    monkeypatch.setattr(f"outworx_otel.{module}.time", SimpleNamespace(monotonic=now))
