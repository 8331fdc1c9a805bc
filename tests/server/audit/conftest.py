"""Fixtures: `outworx serve` and applications, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.receiver import free_port
from support.serve_command import PATIENCE, Command

SITES = Path(__file__).parent / "sites"
SECRET = "a-secret-between-two"  # noqa: S105  # made up

Serve = Callable[..., Command]
Shop = Callable[[Command], httpx.Client]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `outworx serve`; every one has ended after the test."""
    started: list[Command] = []

    def run(*arguments: str) -> Command:
        started.append(Command(tmp_path, arguments))
        return started[-1].start()

    yield run
    for command in started:
        command.kill()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Starts an application that reports to a server; a client of it. All write into the file `ran`."""
    started: list[tuple[subprocess.Popen[bytes], httpx.Client]] = []

    def run(server: Command) -> httpx.Client:
        port = free_port()
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
        }
        quick = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "300"}
        endpoint = {"OUTWORX_HOOKS_ENDPOINT": f"{server.url}/api/ingest", "GITHUB_SECRET": SECRET}
        process = subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, str(SITES / "shop.py"), server.url, str(port), str(tmp_path / "ran")],
            env={**inherited, **quick, **endpoint},
        )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        started.append((process, client))
        eventually(lambda: _answers(client), "the application did not start")
        return client

    yield run
    for process, client in started:
        client.close()
        process.kill()
        process.wait(10)


def eventually(condition: Callable[[], bool], complaint: str) -> None:
    """Returns once it holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, complaint
        time.sleep(0.05)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
