"""`python -m benchmarks.load`: deliveries by wrk to real servers, by hand, officially and by the peer too."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.deliveries import HOOK_PATH, HOOKS, inbound
from benchmarks.ingest import processor_seconds_of_all
from benchmarks.loopback import ingest
from benchmarks.report import Verdict
from benchmarks.variants import Variant, has_peer

_VARIANTS: Final = (Variant.BARE, Variant.FLOOR, Variant.OURS, Variant.OFFICIAL, Variant.PEER)
_CONNECTIONS: Final = 8
_HOW: Final = f"""\
wrk, one thread and {_CONNECTIONS} connections, signed Stripe deliveries of 1 KB; one worker process, which exports to
a receiver on loopback. Variants take turns in random order; medians of the rounds. wrk and the receiver share the
machine's processors with the server. floor: bare + one HMAC and one span by hand, sent by the SDK's own processor and
exporter."""
_SERVERS: Final = {
    "fastapi": ("uvicorn", "benchmarks.served:app", "--host", "127.0.0.1", "--no-access-log", "--port"),
    "flask": (
        *("gunicorn", "benchmarks.served:app", "-k", "gthread", "--threads", str(_CONNECTIONS)),
        *("--no-control-socket", "--bind", "127.0.0.1"),
    ),
}
# What wrk sends, and how it tells what came of it.
_SCRIPT: Final = """
wrk.method = "POST"
wrk.body = {body}
{headers}
done = function(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
  failed = failed + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99), failed))
end
"""


@dataclass(frozen=True)
class Round:
    """What one variant did in one round: a second; microseconds; microseconds of processor time for each delivery."""

    rate: float
    p99: float
    processor: float


def main() -> int:
    """How many limits were not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None:
        print("NOT MEASURED: wrk is not installed (apt-get install wrk)")
        return 0
    print(_HOW)
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as folder, ingest() as port:
        for lane in _SERVERS:
            verdicts += _measure(lane, Wrk(wrk, Path(folder), arguments.seconds), port, arguments.rounds)
    for verdict in verdicts:
        print(f"  {verdict.what}: {verdict}")
    return sum(not verdict.reached for verdict in verdicts)


class Wrk:
    """Runs it against a server.

    Args:
        program: its path.
        folder: for its script.
        seconds: how long each run takes.
    """

    def __init__(self, program: str, folder: Path, seconds: float) -> None:
        self._program, self._folder, self._seconds = program, folder, seconds

    def run(self, port: int, pid: int) -> Round:
        """One run.

        Raises:
            RuntimeError: not every delivery was answered by 2xx or 3xx.
        """
        script = self._folder / "delivery.lua"
        delivery = inbound(HOOKS[0])
        # Lua's strings are JSON's where nothing but ASCII stands in them; wrk counts the body itself.
        headers = "\n".join(
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
            for name, value in delivery.headers
            if name not in ("content-length", "host")
        )
        script.write_text(_SCRIPT.format(body=json.dumps(delivery.body.decode()), headers=headers))
        before = processor_seconds_of_all(pid)
        url = f"http://127.0.0.1:{port}{HOOK_PATH}"
        options = ("-t1", f"-c{_CONNECTIONS}", f"-d{self._seconds:g}s", "-s", str(script))
        done = subprocess.run(  # noqa: S603  # ours
            [self._program, *options, url], check=True, capture_output=True, text=True
        )
        time.sleep(1.5)  # what is queued is sent: it belongs to these deliveries
        spent = processor_seconds_of_all(pid) - before
        line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
        requests, microseconds, p99, failed = (int(word) for word in line.split()[1:])
        if failed or not requests:
            raise RuntimeError(f"{failed} of {requests} deliveries failed")
        return Round(requests / microseconds * 1e6, p99, spent / requests * 1e6)


def _measure(lane: str, wrk: Wrk, port: int, rounds: int) -> list[Verdict]:
    found: dict[Variant, list[Round]] = defaultdict(list)
    variants = [variant for variant in _VARIANTS if not variant.is_peer or has_peer()]
    with contextlib.ExitStack() as stack:
        servers = {variant: stack.enter_context(_serving(lane, variant, port)) for variant in variants}
        for number in range(rounds + 1):
            for variant in random.sample(variants, len(variants)):
                came = wrk.run(*servers[variant])
                if number:  # the first warms up
                    found[variant].append(came)
    print(f"\n{lane} under {_SERVERS[lane][0]:28} {'a second':>10} {'p99 ms':>8} {'µs of processor':>16}")
    for variant in variants:
        rate, p99, processor = (median(getattr(one, name) for one in found[variant]) for name in _FIELDS)
        print(f"  {variant.value:40} {rate:10.0f} {p99 / 1000:8.1f} {processor:16.0f}")
    return [
        Verdict(
            f"{lane}: floor's rate, of ours", _ratio(found, "rate", Variant.FLOOR, Variant.OURS), 1 / 0.9
        ),
        Verdict(f"{lane}: our p99, of the floor's", _ratio(found, "p99", Variant.OURS, Variant.FLOOR), 1.2),
    ]


_FIELDS: Final = ("rate", "p99", "processor")


def _ratio(found: dict[Variant, list[Round]], name: str, one: Variant, other: Variant) -> float:
    """The median of the rounds' ratios."""
    pairs = zip(found[one], found[other], strict=True)
    return median(getattr(a, name) / getattr(b, name) for a, b in pairs)


@contextlib.contextmanager
def _serving(lane: str, variant: Variant, ingest_port: int) -> Iterator[tuple[int, int]]:
    """The application under its server: port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program, *options = _SERVERS[lane]
    command = [sys.executable, "-m", program, *options]
    command = [*command, str(port)] if command[-1] == "--port" else [*command[:-1], f"127.0.0.1:{port}"]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))},
        "BENCH_LANE": lane,
        "BENCH_VARIANT": variant.value,
        "BENCH_INGEST": str(ingest_port),
        "OUTWORX_HOOKS_QUIET": "true",
    }
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _await(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    delivery = inbound(HOOKS[0])
    until = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", HOOK_PATH, delivery.body, dict(delivery.headers))
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the server did not start")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
