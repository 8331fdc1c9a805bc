"""Fixtures: servers in this process and in one of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from support.serve_command import Command
from support.staged_store import StagedStore

from outworx_otel.server.app import Application

from .scene import application, client

Start = Callable[..., Command]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    """A server that asks for a key."""
    served = application(tmp_path)
    with client(served):
        yield served


@pytest.fixture
def store(tmp_path: Path) -> StagedStore:
    """That of `open_app`."""
    return StagedStore(tmp_path / "outworx.db")


@pytest.fixture
def open_app(tmp_path: Path, store: StagedStore) -> Iterator[Application]:
    """A server on loopback without a key."""
    served = application(tmp_path, store, api_keys=())
    with client(served):
        yield served


@pytest.fixture
def browser(app: Application) -> TestClient:
    """A browser that has not logged in."""
    return client(app)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `outworx serve`; every one has ended after the test."""
    started: list[Command] = []

    def run(*arguments: str, environ: Mapping[str, str] | None = None, wait: bool = True) -> Command:
        started.append(Command(tmp_path, arguments, environ))
        return started[-1].start() if wait else started[-1].run()

    yield run
    for command in started:
        command.kill()
