"""Fixtures: what the in-process tests of the integrations use, a provider for workers, servers, and a receiver."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from integrations.conftest import Telemetry as _Telemetry

# Fixtures, which pytest finds here by their names.
from integrations.conftest import _clean_process, errors, monitor, telemetry  # noqa: F401
from support.receiver import Receiver

from outworx_otel import drops

# A Python without sys.monitoring gives the tests that need it to one that has it.
collect_ignore = ["test_causes.py"] if sys.version_info < (3, 12) else ["test_newest_python.py"]

SECRET = "shared by web and worker"  # noqa: S105  # for tests alone


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, _clean_process: None) -> str:  # noqa: F811
    """`OUTWORX_TOKEN_SECRET`, set."""
    monkeypatch.setenv("OUTWORX_TOKEN_SECRET", SECRET)
    return SECRET


@pytest.fixture
def token(secret: str, monitor: Any, telemetry: _Telemetry) -> str:  # noqa: F811
    """Handed on by a delivery that is over."""
    from .delivering import handed_on

    return handed_on(monitor)


@pytest.fixture(autouse=True)
def _unwatched_afterwards() -> Iterator[None]:
    yield
    drops.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real OTLP receiver."""
    started = Receiver().start()
    yield started
    started.stop()
