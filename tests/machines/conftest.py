"""Fixtures: a network, and a deployment on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

# A fixture, which pytest finds here by its name.
from collector.conftest import backends  # noqa: F401
from support.databases import Server

from .network import Network, ip_program

Start = Callable[[Server], Server]


@pytest.fixture
def network() -> Iterator[Network]:
    """A switch without machines. All processes on them have to end before it is taken down."""
    with contextlib.ExitStack() as stack:
        yield Network(stack, ip_program())


@pytest.fixture
def start(network: Network) -> Iterator[Start]:
    """Starts a part; all have ended after the test."""
    started: list[Server] = []

    def begin(part: Server) -> Server:
        started.append(part)
        part.start()
        return part

    yield begin
    for part in reversed(started):
        # pytest shows what a test's teardown prints, if the test failed.
        print(f"--- {type(part).__name__}\n{(part.folder / 'log').read_text(errors='replace')[-3000:]}")
        part.remove()
