"""How fast pages are read out of a large store: `python -m benchmarks.pages [--database URL] [--count N]`."""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import psycopg
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.fleet import ABSENT, DAY, DAYS, FREQUENT, RARE, fill
from benchmarks.ingest import export, send, serving
from benchmarks.report import Verdict
from benchmarks.spread import spread
from benchmarks.spread_columns import spread_columns
from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store
from outworx_otel.server.store.columns.address import address_of, is_column_store
from outworx_otel.telemetry import semconv

LIMIT_MS: Final = 100.0
TIMES: Final = 20
_MIB: Final = 1024 * 1024
_KEEPS_ALL: Final = ("--max-database-size", "64GiB")
_WRITTEN_ONE_BY_ONE: Final = 1_000_000
_HOW: Final = f"""\
A real `outworx serve` on 30 days of deliveries to 20 services with 100 endpoints, some 50 open problems. Beyond
1,000,000 each delivery is there several times, with other ids. Each page is asked for {TIMES} times over one
connection. "server" is the processor time of the whole process meanwhile, its rules included, and "database" that of
all processes of a PostgreSQL on this machine, in ms; "wall" is until the answer's last byte. Idle, then while another
process sends exports of 512 spans over four connections as fast as they are taken: there the processor works for
both."""


class Took(NamedTuple):
    """One answer, in ms."""

    wall: float
    server: float
    database: float

    @property
    def processor(self) -> float:
        """What answering cost."""
        return self.server + self.database


class Processes(NamedTuple):
    """Whose processor time counts: the server's, and the first process of a PostgreSQL."""

    server: int
    database: int | None

    def spent_ns(self) -> tuple[int, int]:
        """Of each of the two so far."""
        if self.database is None:
            return _processor_ns(self.server), 0
        children = Path(f"/proc/{self.database}/task/{self.database}/children").read_text().split()
        ended = Path(f"/proc/{self.database}/stat").read_text().rpartition(")")[2].split()[13:15]
        of_ended = sum(map(int, ended)) * 10**9 // os.sysconf("SC_CLK_TCK")
        return _processor_ns(self.server), of_ended + sum(_processor_ns(int(pid)) for pid in children)


def main() -> int:
    """How many limits were not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50,000 deliveries instead of 1,000,000")
    parser.add_argument("--count", type=int, metavar="N", help="deliveries")
    parser.add_argument("--database", metavar="URL", help="kept, and filled where it holds nothing")
    parser.add_argument("--base", type=Path, metavar="FILE", help="a SQLite file of 1,000,000, kept as well")
    parser.add_argument(
        "--times", type=int, default=TIMES, metavar="N", help="each page is asked for so often"
    )
    parser.add_argument("--pages", default="", metavar="REGEX", help="only pages whose name it finds")
    parser.add_argument("--fill", action="store_true", help="fills, and measures nothing")
    parser.add_argument("--send-to", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send_to is not None:
        _send_forever(arguments.send_to)
    count = arguments.count or (50_000 if arguments.quick else 1_000_000)
    print(_HOW)
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.database or f"sqlite:///{folder}/outworx.db"
        _fill(url, count, arguments.base or Path(folder) / "base.db")
        if arguments.fill:
            return 0
        state = _state_of(url)
        options = () if state is None else ("--state", f"sqlite:///{state}")
        with serving(url, *_KEEPS_ALL, *options) as (port, pid):
            of = Processes(pid, _postmaster(url))
            idle, busy = _measured(port, of, count, arguments.times, re.compile(arguments.pages))
    verdicts = [
        Verdict("idle: the slowest page's p95 of processor time, ms", _slowest(idle, "processor"), LIMIT_MS),
        Verdict("idle: the slowest page's p95 by the wall clock, ms", _slowest(idle, "wall"), LIMIT_MS),
        Verdict("while ingest runs: the same by the wall clock, ms", _slowest(busy, "wall"), LIMIT_MS),
    ]
    for verdict in verdicts:
        print(f"  {verdict.what}: {verdict}")
    return sum(not verdict.reached for verdict in verdicts)


@contextmanager
def _opened(url: str, clock: list[float]) -> Iterator[Store]:
    rooms = {"max_queued_bytes": 64 * _MIB, "max_bytes": 64 * 1024 * _MIB}
    state = None if (file := _state_of(url)) is None else f"sqlite:///{file}"
    store = Store(url, state=state, **rooms, retention_days=365, clock=lambda: clock[0])
    try:
        yield store
    finally:
        store.close()


def _fill(url: str, count: int, base: Path) -> None:
    """Where there is nothing yet."""
    if _holds_some(url):
        return
    begun, until = time.monotonic(), time.time_ns()
    times = count // _WRITTEN_ONE_BY_ONE
    state = _state_of(url)
    if times > 1 and state is None:
        _fill(f"sqlite:///{base}", _WRITTEN_ONE_BY_ONE, base)
        spread(base, url, times)
    else:
        clock = [(until - DAYS * DAY) / 1e9]
        with _opened(url, clock) as store:
            fill(store, _WRITTEN_ONE_BY_ONE if times > 1 else count, until, clock)
        if times > 1 and state is not None:
            spread_columns(url, state, times)
    print(f"{count:,} deliveries written in {time.monotonic() - begun:.0f} s", flush=True)


def _state_of(url: str) -> Path | None:
    """The SQLite file beside columns."""
    if not is_column_store(url):
        return None
    path = address_of(url).path
    return (
        path.with_name(f"{path.name}-state.db") if path is not None else Path("outworx-state.db").absolute()
    )


def _holds_some(url: str) -> bool:
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return False
    with _opened(url, [time.time()]) as store:
        return store.hits(Filter()).count > 0


def _postmaster(url: str) -> int | None:
    """The process whose children serve a PostgreSQL's connections; it has to be on this machine."""
    if not url.startswith("postgres"):
        return None
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        # It ends with its connection.
        pid = connection.info.backend_pid
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _measured(
    port: int, of: Processes, count: int, times: int, wanted: re.Pattern[str]
) -> tuple[dict[str, list[Took]], dict[str, list[Took]]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    size = float(re.findall(rb"^outworx_database_size_bytes (\S+)", _get(connection, "/metrics"), re.M)[0])
    print(f"  {size / count:.0f} bytes each; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    pages = {name: address for name, address in _pages(connection) if wanted.search(name)}
    columns = "".join(f"{name:>16}" for name in ("server", "database", "wall"))
    print(f"  {'idle; p50 and p95 of ' + str(times):40}{columns}")
    idle = {name: _asked(connection, of, name, address, times) for name, address in pages.items()}
    command = [sys.executable, "-m", "benchmarks.pages", "--send-to", str(port)]
    sender = subprocess.Popen(command)  # noqa: S603
    try:
        _wait_for_arrivals(connection)
        print(f"  while ingest runs (processor: of both); load {os.getloadavg()[0]:.1f}")
        before, begun = _kept(connection), time.monotonic()
        busy = {name: _asked(connection, of, name, address, times) for name, address in pages.items()}
        rate = (_kept(connection) - before) / (time.monotonic() - begun)
        print(f"  {rate:.0f} deliveries a second arrived meanwhile")
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


def _asked(
    connection: http.client.HTTPConnection, of: Processes, name: str, address: str, times: int
) -> list[Took]:
    """All but the first, which reads from the disk."""
    took = []
    for _ in range(times + 1):
        before, begun = of.spent_ns(), time.perf_counter()
        _get(connection, address)
        wall, after = time.perf_counter() - begun, of.spent_ns()
        took.append(
            Took(wall * 1e3, *((one - other) / 1e6 for one, other in zip(after, before, strict=True)))
        )
    took = took[1:]
    columns = ([getattr(one, what) for one in took] for what in ("server", "database", "wall"))
    told = "".join(f" {_at(ms, 0.5):7.1f} {_at(ms, 0.95):7.1f}" for ms in columns)
    print(f"  {name:40}{told}", flush=True)
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
    return max(_at([getattr(one, what) for one in took], 0.95) for took in measured.values())


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _kept(connection: http.client.HTTPConnection) -> float:
    counted = re.findall(rb"^outworx_deliveries_total\S* (\S+)", _get(connection, "/metrics"), re.M)
    return sum(map(float, counted))


if __name__ == "__main__":
    sys.exit(main())
