"""`outworx tail`, against a real server that goes away and returns."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.ingest.serving import Serving
from support.commands import PATIENCE, invoked, quiet_environment
from support.exports import PROTOBUF, WEBHOOK, span, traces

from outworx_otel.cli.delivery_filters import DeliveryFilters
from outworx_otel.cli.server_calls import OutworxServer
from outworx_otel.cli.tail import following
from outworx_otel.telemetry import semconv

KEY = "ohk_0123456789abcdef0123456789abcdef"


class Tail:
    """A running `outworx tail`, whose two streams are read as they come."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "outworx_otel.cli", "tail", *arguments],
            cwd=folder,
            env=quiet_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out, self.err = (self._read(stream) for stream in (self.process.stdout, self.process.stderr))

    def _read(self, stream: Any) -> queue.Queue[str]:
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in stream], daemon=True).start()
        return lines

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    served = Serving(tmp_path / "outworx.db")
    yield served
    served.stop()


def report(serving: Serving, provider: str = "stripe", **attributes: Any) -> None:
    told = span(attributes={**WEBHOOK, semconv.PROVIDER: provider, **attributes})
    assert serving.post("/v1/traces", traces([told]).SerializeToString(), PROTOBUF).status_code == 200


def test_what_arrives_is_shown_once_also_after_the_server_was_away(tmp_path: Path) -> None:
    served = Serving(tmp_path / "outworx.db")
    report(served, event="before")
    tail = Tail(tmp_path, "--endpoint", served.url, "--provider", "stripe")
    try:
        assert "Press Ctrl+C to stop" in tail.err.get(timeout=PATIENCE)
        report(served, "github")
        report(served)
        assert "WHY" in tail.out.get(timeout=PATIENCE)
        assert "stripe" in (first := tail.out.get(timeout=PATIENCE))
        served.stop()
        assert "lost: no server at" in tail.err.get(timeout=PATIENCE)
        served = Serving(tmp_path / "outworx.db", served.port)
        report(served)
        assert "is back" in tail.err.get(timeout=PATIENCE)
        assert "stripe" in (second := tail.out.get(timeout=PATIENCE))
        assert first != second
        assert tail.end() == 0
        assert tail.out.empty()
    finally:
        tail.process.kill()
        served.stop()


def test_what_came_in_late_is_new_and_what_is_remembered_is_bounded(
    serving: Serving,
) -> None:
    with OutworxServer(serving.url) as server:
        arrivals = following.Arrivals(server, DeliveryFilters(), remembered=2)
        for _ in range(4):
            report(serving)
        assert [len(arrivals.new()), len(arrivals._seen)] == [4, 2]


def test_a_key_that_is_not_taken_ends_it(tmp_path: Path) -> None:
    served = Serving(tmp_path / "outworx.db", api_keys=(KEY,))
    try:
        done = invoked("tail", "--endpoint", served.url)
        assert (done.code, "wants a key" in done.err) == (1, True)
    finally:
        served.stop()
