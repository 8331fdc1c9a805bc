"""A server of ClickHouse's interface, and one of ours that shows the table in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clickhouse import ClickHouse
from support.otel_traces import exporter_source

from server.ingest.serving import Serving

from .exporter import Exporter


@pytest.fixture(scope="module")
def _started() -> Iterator[ClickHouse]:
    with ClickHouse() as started:
        yield started


@pytest.fixture
def clickhouse(_started: ClickHouse) -> Iterator[ClickHouse]:
    yield _started
    _started.restore()
    _started.well()


@pytest.fixture(scope="session")
def exporter_module() -> Path:
    """The exporter's own source."""
    return exporter_source()


@pytest.fixture
def exporter(clickhouse: ClickHouse) -> Exporter:
    return Exporter(clickhouse)


@pytest.fixture
def showing(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Starts a server that shows what an exporter has written."""
    started: list[Serving] = []

    def start(shown: Exporter | str, **settings: Any) -> Serving:
        state = f"sqlite:///{tmp_path / 'state.db'}"
        url = shown if isinstance(shown, str) else shown.url
        started.append(Serving(url, **{"state": state, **settings}))
        return started[-1]

    yield start
    for one in started:
        one.stop()
