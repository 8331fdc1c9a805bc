"""The parts that are soaked, each in a process of its own, and what they hold over time."""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.backends import NoBackends, backends
from collector.collector import Collector
from support.deployment import uvicorn
from support.process import Server
from support.receiver import free_port
from support.sender import SECRET
from support.serve_command import Command

from .growth import Bound, Growth, growth_of
from .load import Load
from .processes import held_by

_SITES: Final = Path(__file__).parent / "sites"
_SOURCE: Final = Path(__file__).parents[2] / "src"
_MIB: Final = 1024 * 1024
_SAMPLES: Final = 180
_BOUNDS: Final = {
    # A minute sees a database's cache fill; of thirty, this is a hundred bytes or two for each delivery.
    "memory": Bound(16 * _MIB, 0.1),
    "descriptors": Bound(3),
    "threads": Bound(2),
    # The part of what all parts spent together: a machine whose others keep it busy makes all of them slower.
    "processor": Bound(0.05, 0.15),
    # In multiples of what the control took at the same time, so that a machine that grows busy is no growth.
    "latency": Bound(1.0, 1.0),
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
        pids = {"server": serve.process.pid}
        endpoint = f"{serve.url}/api/ingest"
        if _has_collector():
            collector = _collector(directory, endpoint)
            stack.callback(collector.stop)
            pids["collector"] = collector.start().pid
            endpoint = collector.url
        control = _application(directory, "fastapi_site:app", {})
        stack.callback(control.stop)
        control.start()
        (directory / "outworx.toml").write_text(_CONFIGURATION)
        application = _application(directory, "soak_site:app", _settings(endpoint, serve.port) | environ)
        stack.callback(application.stop)
        application.start()
        pids["application"] = application.pid
        yield Parts(pids, application.port, serve.port, control.port)


def _has_collector() -> bool:
    try:
        backends()
    except NoBackends:
        return False
    return True


def _collector(directory: Path, endpoint: str) -> Collector:
    """The agent that is shipped. The back-ends beside Outworx are away all the time, as they may be for days."""
    nobody = f"http://127.0.0.1:{free_port()}"
    environ = {
        "OUTWORX_HOOKS_ENDPOINT": endpoint,
        "OUTWORX_HOOKS_API_KEY": "ohk_soak",
        "OTLP_BACKEND_ENDPOINT": nobody,
        "OTLP_METRICS_ENDPOINT": nobody,
    }
    return Collector(directory / "collector", "agent.yaml", environ)


def _application(directory: Path, site: str, environ: dict[str, str]) -> Server:
    deployment = uvicorn(site, "--no-access-log").bare()
    given = deployment.environ | environ
    return Server(deployment.command, directory, given, deployment.workers, deployment.ready_line)


def _settings(endpoint: str, server_port: int) -> dict[str, str]:
    return {
        "GITHUB_SECRET": SECRET,
        "OUTWORX_HOOKS_ENDPOINT": endpoint,
        "OUTWORX_HOOKS_API_KEY": "ohk_soak",
        "SITE_STORE": f"outworx://127.0.0.1:{server_port}",
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        "PYTHONPATH": os.pathsep.join((str(_SITES), str(_SOURCE))),
    }


_CONFIGURATION: Final = """
[endpoints."/webhooks/github"]
provider = "github"
signature_secret_env = "GITHUB_SECRET"
idempotency_key = true
require_processing_mark = true
capture_headers = true
capture_body = true
"""


def soak(there: Parts, seconds: float, say: Callable[[str], object] = lambda line: None) -> Soaked:
    """Loads the parts for so long, and judges what they held.

    Raises:
        ProcessLookupError: a part has ended.
    """
    series: dict[tuple[str, str], list[float]] = defaultdict(list)
    load = Load(there.application, there.server, there.control).start()
    begun, before = time.monotonic(), dict[str, float]()
    try:
        for number in range(1, _SAMPLES + 1):
            time.sleep(max(begun + seconds * number / _SAMPLES - time.monotonic(), 0.0))
            before = _sample(series, there, load, before)
            if number % (_SAMPLES // 6) == 0:
                say(_line(time.monotonic() - begun, load.sent, series))
    finally:
        load.stop()
    growths = {name: growth_of(values, _BOUNDS[name[1]]) for name, values in series.items()}
    return Soaked(growths, load.sent, load.failures)


def _sample(
    series: dict[tuple[str, str], list[float]], there: Parts, load: Load, before: dict[str, float]
) -> dict[str, float]:
    """Measures everything. Given and returned is what each part has spent of the processor, in seconds."""
    latencies = load.latencies()
    spent = {}
    for part, pid in there.pids.items():
        held = held_by(pid)
        spent[part] = held.processor
        series[part, "memory"].append(held.memory)
        series[part, "descriptors"].append(held.descriptors)
        series[part, "threads"].append(held.threads)
        if latencies.get(part) and latencies["control"]:
            series[part, "latency"].append(latencies[part] / latencies["control"])
    since = {part: seconds - before[part] for part, seconds in spent.items()} if before else {}
    together = sum(since.values())
    for part, seconds in since.items():
        if together:
            series[part, "processor"].append(seconds / together)
    return spent


def _line(seconds: float, sent: int, series: dict[tuple[str, str], list[float]]) -> str:
    memory = ", ".join(
        f"{part} {values[-1] / _MIB:.0f} MiB" for (part, what), values in series.items() if what == "memory"
    )
    return f"{seconds:5.0f} s: {sent} deliveries; {memory}"
