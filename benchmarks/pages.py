"""How fast pages are read out of a large database: `python -m benchmarks.pages [--quick] [--database FILE]`."""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import urlencode

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.fleet import ABSENT, FREQUENT, RARE, fill
from benchmarks.ingest import export, send, serving
from benchmarks.report import Verdict
from outworx_otel.server.store import Store
from outworx_otel.telemetry import semconv

LIMIT_MS: Final = 100.0
TIMES: Final = 20
_MIB: Final = 1024 * 1024
_HOW: Final = """\
A real `outworx serve` on a SQLite file of 30 days, 20 services, 100 endpoints, some 50 open problems; each page is
asked for over one connection. "processor" is the processor time of the whole process meanwhile, its rules included,
in ms; "wall" is until the answer's last byte. Idle, then while another process sends exports of 512 spans over four
connections as fast as they are taken: there the processor works for both."""


class Took(NamedTuple):
    """One answer, in ms."""

    wall: float
    processor: float


def main() -> int:
    """How many limits were not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50,000 deliveries instead of 1,000,000")
    parser.add_argument(
        "--database", type=Path, metavar="FILE", help="kept, and filled where it is not there"
    )
    parser.add_argument("--send-to", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send_to is not None:
        _send_forever(arguments.send_to)
    count = 50_000 if arguments.quick else 1_000_000
    print(_HOW)
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.database or Path(folder) / "outworx.db"
        if not file.exists():
            _fill(file, count)
        with serving(file) as (port, pid):
            idle, busy = _measured(port, pid)
    verdicts = [
        Verdict(
            "idle: the slowest page's median of processor time, ms", _slowest(idle, "processor"), LIMIT_MS
        ),
        Verdict("idle: the slowest page's median by the wall clock, ms", _slowest(idle, "wall"), LIMIT_MS),
        Verdict("while ingest runs: the same by the wall clock, ms", _slowest(busy, "wall"), LIMIT_MS),
    ]
    for verdict in verdicts:
        print(f"  {verdict.what}: {verdict}")
    return sum(not verdict.reached for verdict in verdicts)


def _fill(file: Path, count: int) -> None:
    clock, begun = [0.0], time.monotonic()
    rooms = {"max_queued_bytes": 64 * _MIB, "max_bytes": 64 * 1024 * _MIB}
    store = Store(f"sqlite:///{file}", **rooms, retention_days=365, clock=lambda: clock[0])
    try:
        fill(store, count, time.time_ns(), clock)
    finally:
        store.close()
    size, took = file.stat().st_size, time.monotonic() - begun
    print(f"{count:,} deliveries written in {took:.0f} s, {size / count:.0f} bytes each")


def _measured(port: int, pid: int) -> tuple[dict[str, list[Took]], dict[str, list[Took]]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    pages = dict(_pages(connection))
    print(f"  {'idle; median and worst of ' + str(TIMES):40} {'processor':>18} {'wall':>18}")
    idle = {name: _asked(connection, pid, name, address) for name, address in pages.items()}
    command = [sys.executable, "-m", "benchmarks.pages", "--send-to", str(port)]
    sender = subprocess.Popen(command)  # noqa: S603
    try:
        _wait_for_arrivals(connection)
        print("  while ingest runs (processor: of both)")
        busy = {name: _asked(connection, pid, name, address) for name, address in pages.items()}
    finally:
        sender.terminate()
        sender.wait()
    return idle, busy


def _pages(connection: http.client.HTTPConnection) -> Iterator[tuple[str, str]]:
    newest = json.loads(_get(connection, "/api/deliveries?limit=1"))["deliveries"][0]["id"]
    failed = json.loads(_get(connection, "/api/deliveries?outcome=error&limit=1"))["deliveries"][0]["id"]
    problem = json.loads(_get(connection, "/api/problems?state=open&limit=1"))["problems"][0]["id"]
    for range in ("1h", "24h", "7d", "30d"):
        yield f"overview, {range}", f"/?range=-{range}"
    yield "overview, 24h, one service", "/?range=-24h&service=service-03"
    yield "list", "/deliveries"
    for name, value in (
        *(("provider", "stripe"), ("event_type", "push"), ("route", "/webhooks/custom/4")),
        *(("outcome", "error"), ("reason", "timestamp_drift"), ("idempotency", "replayed")),
        *(("cause", "early_return"), ("service", "service-03"), ("environment", "staging"), ("since", "-7d")),
    ):
        yield f"list, {name}", f"/deliveries?{urlencode({name: value})}"
    yield "list, four filters", "/deliveries?provider=stripe&outcome=error&since=-7d&environment=production"
    yield (
        "list, several of each",
        "/deliveries?provider=stripe&provider=github&outcome=error,failed&event_type=push",
    )
    for name, term in (("often there", FREQUENT), ("rare", RARE), ("absent", ABSENT), ("an id", newest)):
        yield f"search, {name}", f"/deliveries?{urlencode({'q': term})}"
    yield "delivery", f"/deliveries/{failed}"
    yield "delivery, of a search", f"/deliveries/{failed}?{urlencode({'q': FREQUENT})}"
    yield "problem's deliveries", f"/deliveries?problem={problem}"
    yield "problem's, searched", f"/deliveries?{urlencode({'problem': problem, 'q': FREQUENT})}"
    yield "alerts", "/alerts"
    for path in ("overview", "overview?range=30d", "problems", f"problems/{problem}", "deliveries"):
        yield f"/api/{path}", f"/api/{path}"
    yield "/metrics", "/metrics"


def _asked(connection: http.client.HTTPConnection, pid: int, name: str, address: str) -> list[Took]:
    """All but the first, which reads from the disk."""
    took = []
    for _ in range(TIMES + 1):
        before, begun = _processor_ns(pid), time.perf_counter()
        _get(connection, address)
        took.append(Took((time.perf_counter() - begun) * 1e3, (_processor_ns(pid) - before) / 1e6))
    took = took[1:]
    columns = ([one.processor for one in took], [one.wall for one in took])
    print(f"  {name:40}" + "".join(f" {median(ms):9.1f} {max(ms):8.1f}" for ms in columns), flush=True)
    return took


def _get(connection: http.client.HTTPConnection, address: str) -> bytes:
    connection.request("GET", address)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{address} was answered {answer.status}")
    return body


def _wait_for_arrivals(connection: http.client.HTTPConnection) -> None:
    until = time.monotonic() + 60
    while b"outworx_deliveries_total" not in _get(connection, "/metrics"):
        if time.monotonic() > until:
            raise RuntimeError("nothing arrives")
        time.sleep(0.1)


def _send_forever(port: int) -> None:
    request = ExportTraceServiceRequest.FromString(gzip.decompress(export()))
    spans = request.resource_spans[0].scope_spans[0].spans
    ids = (semconv.EVENT_ID, semconv.CLOUDEVENTS_ID, semconv.IDEMPOTENCY_KEY)

    def anew() -> bytes:
        """Other deliveries, made faster than the server takes them, which the SDK's encoder is not."""
        for span in spans:
            now, text = time.time_ns(), secrets.token_hex(16)
            span.trace_id, span.span_id = secrets.token_bytes(16), secrets.token_bytes(8)
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + 5_000_000
            for attribute in span.attributes:
                if attribute.key in ids:
                    attribute.value.string_value = text
        return gzip.compress(request.SerializeToString(), 1)

    while True:
        send(port, [anew() for _ in range(10)])


def _processor_ns(pid: int) -> int:
    """Of all threads that there are, in nanoseconds; `/proc/PID/stat` counts in hundredths of a second."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _slowest(measured: dict[str, list[Took]], what: str) -> float:
    return max(median(getattr(one, what) for one in took) for took in measured.values())


if __name__ == "__main__":
    sys.exit(main())
