"""What all tests share: Hypothesis, with one profile by hand and a repeatable one in CI, and the newest Python."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from drops.newest import NoNewestPython, newest_python
from hypothesis import HealthCheck, settings

_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.differing_executors]

settings.register_profile("by_hand", deadline=None, max_examples=40, suppress_health_check=_CHECKS)
settings.register_profile("ci", parent=settings.get_profile("by_hand"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "by_hand")

_missing: list[str] = []


@pytest.fixture(scope="session")
def newest() -> Path:
    """A Python 3.12 or newer, for what `sys.monitoring` shows."""
    return newest_python()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where no Python has sys.monitoring, there is nothing to test it on: that is said, loudly, at the end."""
    on_newest = [item for item in items if "newest" in getattr(item, "fixturenames", ())]
    if on_newest:
        try:
            newest_python()
        except NoNewestPython as none:
            _missing.append(str(none))
            items[:] = [item for item in items if item not in on_newest]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for message in _missing:
        terminalreporter.section("NO PYTHON 3.12 OR NEWER", red=True, bold=True)
        terminalreporter.write_line(message)
