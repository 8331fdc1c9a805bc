"""Fixtures: a network, and a deployment on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .network import Network, ip_program


@pytest.fixture
def network() -> Iterator[Network]:
    """A switch without machines. All processes on them have to end before it is taken down."""
    with contextlib.ExitStack() as stack:
        yield Network(stack, ip_program())


@pytest.fixture(scope="session")
def collector() -> Path:
    """The collector's program."""
    return next(Path.home().glob(".cache/outworx-backends/*/bin/otelcol"))
