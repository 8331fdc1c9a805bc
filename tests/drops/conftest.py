"""Which of these tests this Python runs itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from outworx_otel import drops

from .newest import MONITORED, NoNewestPython, newest_python

# A Python without sys.monitoring gives those that need it to one that has it.
collect_ignore = list(MONITORED) if sys.version_info < (3, 12) else ["test_newest_python.py"]
_missing: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where no Python has sys.monitoring, there is nothing to test it on: that is said, loudly, at the end."""
    if not any("newest" in getattr(item, "fixturenames", ()) for item in items):
        return
    try:
        newest_python()
    except NoNewestPython as none:
        _missing.append(str(none))
        items[:] = [item for item in items if not _needs_newest(item)]


def _needs_newest(item: pytest.Item) -> bool:
    return "newest" in getattr(item, "fixturenames", ()) or "test_newest_python" in item.nodeid


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for message in _missing:
        terminalreporter.section("NO PYTHON 3.12 OR NEWER", red=True, bold=True)
        terminalreporter.write_line(message)


@pytest.fixture(autouse=True)
def _switched_off_afterwards() -> Iterator[None]:
    yield
    drops.stop()
