"""Gives the tests that need `sys.monitoring` to a Python that has it."""

from __future__ import annotations

from pathlib import Path

from .newest import MONITORED, run_in_newest


def test_the_newest_python_finds_every_cause_on_its_exact_line(newest: Path) -> None:
    run_in_newest(newest, *(Path(__file__).parent / name for name in MONITORED))
