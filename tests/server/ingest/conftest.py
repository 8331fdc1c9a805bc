"""Fixtures: a server, and applications whose real spans and metrics it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Fixtures, which pytest finds here by their names.
from integrations.conftest import _clean_process, each, errors, monitor, telemetry  # noqa: F401
from support.staged_store import StagedStore

from .serving import Serving


@pytest.fixture(scope="module")
def _ending() -> Iterator[list[Serving]]:
    """A server notices only every 0.1 s that it is to end: no test waits for that."""
    told: list[Serving] = []
    yield told
    for one in told:
        one.ended()


@pytest.fixture
def serve(tmp_path: Path, _ending: list[Serving]) -> Iterator[Callable[..., Serving]]:
    """Starts a server with settings of the test's own."""
    started: list[Serving] = []

    def start(database: str | None = None, **settings: Any) -> Serving:
        started.append(Serving(database or tmp_path / "deliveries.db", **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop(wait=False)
        _ending.append(one)


@pytest.fixture
def store(tmp_path: Path) -> StagedStore:
    """That of `staged`."""
    return StagedStore(tmp_path / "staged.db")


@pytest.fixture
def staged(serve: Callable[..., Serving], store: StagedStore) -> Serving:
    """A server with the defaults, whose store fails where the test says so."""
    return serve(store=store)


@pytest.fixture
def server(serve: Callable[..., Serving]) -> Serving:
    """A server with the defaults."""
    return serve()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of all tests of a file that leave nothing behind."""
    started = Serving(tmp_path_factory.mktemp("shared") / "deliveries.db")
    yield started
    started.stop()
