"""Runs the tests in a random order: files among each other, and tests within their file.

Folders whose files take long come first: one that began last would keep one core busy while the other has nothing.

The seed is printed at the start and with every failure; `OUTWORX_TEST_SEED` sets it, and `OUTWORX_TEST_SEED=off`
keeps the order in which the tests are written. xdist's processes are given the seed of the one that starts them, as
all must collect the same.
"""

from __future__ import annotations

import os
import random
from pathlib import PurePosixPath
from typing import Any, Final

import pytest

VARIABLE: Final = "OUTWORX_TEST_SEED"
LONG: Final = ("e2e", "setup", "examples", "audit", "relay", "dashboard", "networks", "export", "cli")
_OFF: Final = "off"
_SEED: Final = pytest.StashKey[str]()
_HANDED_ON: Final = "outworx_test_seed"


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the seed."""
    handed_on: dict[str, Any] = getattr(config, "workerinput", {})
    chosen = (
        handed_on.get(_HANDED_ON) or os.environ.get(VARIABLE) or str(random.SystemRandom().randrange(10**6))
    )
    config.stash[_SEED] = chosen


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """One of xdist's processes is about to start."""
    node.workerinput[_HANDED_ON] = node.config.stash[_SEED]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffles, before pytest groups what shares a fixture of a wider scope."""
    seed = config.stash[_SEED]
    if seed != _OFF:
        items[:] = shuffled(items, seed)


def shuffled(items: list[pytest.Item], seed: str) -> list[pytest.Item]:
    """Files in a random order, and the tests of each in a random order, which does not depend on the other files."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    for name, tests in files.items():
        random.Random(f"{seed} {name}").shuffle(tests)  # noqa: S311  # no secret
    names = sorted(files)
    random.Random(seed).shuffle(names)  # noqa: S311
    names.sort(key=lambda name: PurePosixPath(name).parent.name not in LONG)
    return [item for name in names for item in files[name]]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Said whatever the verbosity: where a run is killed, nothing comes at its end."""
    if not hasattr(session.config, "workerinput"):
        _say(session.config, "tests in the order of")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Said again beside the failures."""
    if exitstatus != pytest.ExitCode.OK:
        _say(terminalreporter.config, "the same order again:")


def _say(config: pytest.Config, before: str) -> None:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"{before} {VARIABLE}={config.stash[_SEED]}")
