"""The parts that are soaked, each in a process of its own, and what they hold over time."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.deployment import uvicorn
from e2e.process import Server
from e2e.sender import SECRET
from export.receiver import free_port
from server_access.command import Command

from .growth import Bound, Growth, growth_of
from .load import Load
from .processes import held_by

_SITES: Final = Path(__file__).parent / "sites"
_SOURCE: Final = Path(__file__).parents[2] / "src"
_MIB: Final = 1024 * 1024
_SAMPLES: Final = 180
_BOUNDS: Final = {
    "memory": Bound(4 * _MIB, 0.05),
    "descriptors": Bound(3),
    "threads": Bound(2),
    # In multiples of what a plain server took at the same time, so that a machine that grows busy is no growth.
    "latency": Bound(0.2, 0.5),
}


@dataclass(frozen=True)
class Parts:
    """Process ids by name, and the ports that are called."""

    pids: dict[str, int]
    application: int
    server: int
    control: int


@dataclass(frozen=True)
class Soaked:
    """What came out.

    Args:
        growths: by part and what was measured of it.
        sent: how many deliveries.
        failures: what was seen in the place of an answer.
    """

    growths: dict[tuple[str, str], Growth]
    sent: int
    failures: list[str]

    @property
    def leaks(self) -> list[tuple[str, str]]:
        """Which series grew."""
        return [name for name, growth in self.growths.items() if growth.is_leak]


@contextlib.contextmanager
def parts(directory: Path, **environ: str) -> Iterator[Parts]:
    """Starts them; all have ended after the block.

    Args:
        directory: for databases and logs.
        environ: variables of the application.
    """
    serve = Command(directory)
    with contextlib.ExitStack() as stack:
        stack.callback(serve.kill)
        serve.start()
        control = _plain_server(directory, stack)
        (directory / "outworx.toml").write_text(_CONFIGURATION)
        application = _application(directory, f"{serve.url}/api/ingest", environ)
        stack.callback(application.stop)
        application.start()
        pids = {"application": application.pid, "server": serve.process.pid}
        yield Parts(pids, application.port, serve.port, control)


def _application(directory: Path, endpoint: str, environ: dict[str, str]) -> Server:
    deployment = uvicorn("soak_site:app").bare()
    settings = {
        "GITHUB_SECRET": SECRET,
        "OUTWORX_HOOKS_ENDPOINT": endpoint,
        "OUTWORX_HOOKS_API_KEY": "ohk_soak",
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        "PYTHONPATH": os.pathsep.join((str(_SITES), str(_SOURCE))),
    }
    given = {**deployment.environ, **settings, **environ}
    return Server(deployment.command, directory, given, deployment.workers, deployment.ready_line)


_CONFIGURATION: Final = """
[endpoints."/webhooks/github"]
provider = "github"
signature_secret_env = "GITHUB_SECRET"
idempotency_key = true
require_processing_mark = true
capture_headers = true
capture_body = true
"""


def _plain_server(directory: Path, stack: contextlib.ExitStack) -> int:
    port = free_port()
    empty = directory / "empty"
    empty.mkdir()
    process = subprocess.Popen(  # noqa: S603  # of the standard library
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(empty), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            assert time.monotonic() < until, "the plain server did not start"
            time.sleep(0.05)
        else:
            return port


def soak(there: Parts, seconds: float, say: Callable[[str], object] = lambda line: None) -> Soaked:
    """Loads the parts for so long, and judges what they held.

    Raises:
        ProcessLookupError: a part has ended.
    """
    series: dict[tuple[str, str], list[float]] = defaultdict(list)
    load = Load(there.application, there.server, there.control).start()
    begun = time.monotonic()
    try:
        for number in range(1, _SAMPLES + 1):
            time.sleep(max(begun + seconds * number / _SAMPLES - time.monotonic(), 0.0))
            _sample(series, there, load.latencies())
            if number % (_SAMPLES // 6) == 0:
                say(_line(time.monotonic() - begun, load.sent, series))
    finally:
        load.stop()
    growths = {name: growth_of(values, _BOUNDS[name[1]]) for name, values in series.items()}
    return Soaked(growths, load.sent, load.failures)


def _sample(series: dict[tuple[str, str], list[float]], there: Parts, latencies: dict[str, float]) -> None:
    for part, pid in there.pids.items():
        held = held_by(pid)
        series[part, "memory"].append(held.memory)
        series[part, "descriptors"].append(held.descriptors)
        series[part, "threads"].append(held.threads)
        if latencies.get(part) and latencies["control"]:
            series[part, "latency"].append(latencies[part] / latencies["control"])


def _line(seconds: float, sent: int, series: dict[tuple[str, str], list[float]]) -> str:
    memory = ", ".join(
        f"{part} {values[-1] / _MIB:.0f} MiB" for (part, what), values in series.items() if what == "memory"
    )
    return f"{seconds:5.0f} s: {sent} deliveries; {memory}"
