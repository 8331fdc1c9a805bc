"""Fixtures: receivers, servers, and a directory with a configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.deployment import Deployment, merged
from support.process import Server
from support.receiver import Receiver, Script, accept
from support.sender import SECRET

Receive = Callable[..., Receiver]
Serve = Callable[..., Server]

CONFIGURATION = """
[endpoints."/webhooks/*"]
provider = "github"
signature_secret_env = "GITHUB_SECRET"
"""


@pytest.fixture
def receive() -> Iterator[Receive]:
    """Starts a receiver; every one is stopped after the test."""
    started: list[Receiver] = []

    def start(script: Script = accept, port: int = 0) -> Receiver:
        started.append(Receiver(script, port).start())
        return started[-1]

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server; its log is shown where a test fails, and every process is ended after the test."""
    with serving_from(tmp_path) as start:
        yield start


@contextlib.contextmanager
def serving_from(directory: Path) -> Iterator[Serve]:
    """The same for as long as the block runs, with `directory` as the servers' working directory."""
    started: list[Server] = []

    def start(deployment: Deployment, *, configuration: str | None = CONFIGURATION, **environ: str) -> Server:
        if configuration is not None:
            (directory / "outworx.toml").write_text(configuration)
        given = merged({"GITHUB_SECRET": SECRET}, deployment.environ, environ)
        server = Server(deployment.command, directory, given, deployment.workers, deployment.ready_line)
        started.append(server)
        return server.start()

    try:
        yield start
    finally:
        for server in started:
            server.stop()
            # pytest shows what a test's teardown prints, if the test failed.
            print(f"--- log of port {server.port} ---\n{server.log()}")
