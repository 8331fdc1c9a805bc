"""Fixtures: the back-ends, the Collector, `outworx serve`, and an application in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

# Fixtures, which pytest finds here by their names.
from e2e.conftest import receive, serve  # noqa: F401
from support.serve_command import Command

from . import backends as built
from .collector import Collector
from .daemon import Daemon
from .jaeger import Jaeger
from .prometheus import Prometheus

StartCollector = Callable[..., Collector]
StartOutworx = Callable[..., Command]


@pytest.fixture(scope="session")
def backends() -> Path:
    """Where the programs are; without them a test that needs this is left out, which is said."""
    return built.backends()


@pytest.fixture
def running(backends: Path) -> Iterator[list[Daemon]]:
    """What ends with the test, and whose logs are shown where it fails."""
    started: list[Daemon] = []
    yield started
    for daemon in reversed(started):
        daemon.stop()
        # pytest shows what a test's teardown prints, if the test failed.
        print(f"--- log of {daemon.folder} ---\n{daemon.log()[-3000:]}")


@pytest.fixture
def collect(running: list[Daemon], tmp_path: Path) -> StartCollector:
    """Starts a Collector; each has a folder of its own."""

    def start(
        file: str,
        environ: Mapping[str, str],
        changes: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
    ) -> Collector:
        made = Collector(tmp_path / f"collector-{len(running)}", file, environ, changes)
        running.append(made)
        return made.start() if wait else made

    return start


@pytest.fixture
def jaeger(running: list[Daemon], tmp_path: Path) -> Jaeger:
    """A Jaeger of this test."""
    made = Jaeger(tmp_path / "jaeger")
    running.append(made)
    return made.start()


@pytest.fixture
def prometheus(running: list[Daemon], tmp_path: Path) -> Prometheus:
    """A Prometheus of this test."""
    made = Prometheus(tmp_path / "prometheus")
    running.append(made)
    return made.start()


@pytest.fixture
def outworx(tmp_path: Path) -> Iterator[StartOutworx]:
    """Starts `outworx serve`; every one has ended after the test."""
    started: list[Command] = []

    def start(*arguments: str) -> Command:
        folder = tmp_path / f"outworx-{len(started)}"
        folder.mkdir(exist_ok=True)
        started.append(Command(folder, arguments))
        return started[-1].start()

    yield start
    for command in started:
        command.kill()
