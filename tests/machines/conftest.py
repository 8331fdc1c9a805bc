"""Fixtures: a network, and a deployment on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

# A fixture, which pytest finds here by its name.
from collector.conftest import backends  # noqa: F401

from .network import Network, ip_program


@pytest.fixture
def network() -> Iterator[Network]:
    """A switch without machines. All processes on them have to end before it is taken down."""
    with contextlib.ExitStack() as stack:
        yield Network(stack, ip_program())
