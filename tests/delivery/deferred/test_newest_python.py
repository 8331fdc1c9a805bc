"""Gives the tests that need `sys.monitoring` to a Python that has it."""

from __future__ import annotations

from pathlib import Path

from drops.newest import run_in_newest


def test_the_newest_python_finds_the_causes_in_resumed_work(newest: Path) -> None:
    run_in_newest(newest, Path(__file__).parent / "test_causes.py")
