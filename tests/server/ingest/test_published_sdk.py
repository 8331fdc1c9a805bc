"""The published `outworx-hooks` 1.5.0, unmodified, in real applications, against this server."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.peer import KEY, peer_python
from support.receiver import free_port

from .serving import Serving

SITES = Path(__file__).parent / "sites"
EVENT = {"id": "evt_1", "type": "charge.succeeded"}
PATIENCE = 30.0
READER = "a-key-that-reads-what-is-kept"


class Site:
    """An application in a process of its own."""

    def __init__(self, python: Path, script: str, server: str, key: str) -> None:
        port = free_port()
        environment = {"PATH": os.environ["PATH"], "OUTWORX_HOOKS_API_KEY": key, "NO_PROXY": "*"}
        command = [str(python), str(SITES / script), server, str(port)]
        self._process = subprocess.Popen(command, env=environment)  # noqa: S603  # our own script
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def deliver(self, event: dict[str, Any]) -> httpx.Response:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.client.post("/webhooks/stripe", json=event)
            except httpx.ConnectError:
                assert self._process.poll() is None, "the application ended"
                assert time.monotonic() < until
                time.sleep(0.05)

    def stop(self) -> None:
        self.client.close()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)


@pytest.fixture(scope="session")
def python() -> Path:
    return peer_python()


@pytest.fixture(params=["peer_fastapi.py", "peer_flask.py"])
def site_of(request: pytest.FixtureRequest, python: Path) -> Iterator[Callable[[Serving], Site]]:
    """An application that reports to a server."""
    started: list[Site] = []

    def start(server: Serving, key: str = KEY) -> Site:
        started.append(Site(python, request.param, server.url, key))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def listed(server: Serving, count: int) -> list[dict[str, Any]]:
    """So many deliveries, the oldest first, as soon as they are there: the SDK sends them a while later."""
    until = time.monotonic() + PATIENCE
    while len(found := server.deliveries()) < count:
        assert time.monotonic() < until, f"{len(found)} deliveries instead of {count}"
        time.sleep(0.1)
    return found[::-1]


def test_its_events_are_listed_its_key_is_checked_and_its_duplicates_are_caught(
    serve: Callable[..., Serving], site_of: Callable[..., Site]
) -> None:
    # What an application carries need not read.
    server = serve(api_keys=(f"ingest:{KEY}", f"read:{READER}"))
    server.client.headers["authorization"] = f"Bearer {READER}"
    site = site_of(server)
    first, again = site.deliver(EVENT), site.deliver(EVENT)
    assert first.json() == again.json() == {"run": 1}
    assert site.deliver({"id": "evt_2", "fails": True}).status_code == 500
    done, duplicate, failed = listed(server, 3)
    assert (done["provider"], done["event.type"], done["outcome"]) == (
        "stripe",
        "charge.succeeded",
        "accepted",
    )
    assert done["http.response.status_code"] == 200
    assert (duplicate["outcome"], duplicate["idempotency.outcome"]) == ("replayed", "replayed")
    assert (failed["outcome"], failed["http.response.status_code"]) == ("error", 500)
    kept = server.client.get(f"/api/deliveries/{done['id']}").json()
    assert '"evt_1"' in kept["request.body"]
    assert kept["metadata.team"] == "pay"
    assert kept["http.request.header.content-type"] == ["application/json"]
    assert kept["url.path"] == "/webhooks/stripe"


def test_with_a_wrong_key_nothing_is_taken_and_its_application_runs_on(
    serve: Callable[..., Serving], site_of: Callable[..., Site]
) -> None:
    server = serve(api_keys=("another-key-of-this-server",))
    site = site_of(server)
    assert [site.deliver(EVENT).json() for _ in range(2)] == [{"run": 1}, {"run": 2}]
