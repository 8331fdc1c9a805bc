"""How fast `outworx serve` takes deliveries, beside the same rows put in by hand: `python -m benchmarks.ingest`."""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from benchmarks.report import Verdict
from outworx_otel.telemetry import semconv

DELIVERIES: Final = 102_400
BATCH: Final = 512
ROUNDS: Final = 10
WARMING: Final = 16
SENDERS: Final = 4
RATIO: Final = 0.6
_HEADERS: Final = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
_TABLES: Final = ("deliveries", "details")
_HOW: Final = f"""\
A real `outworx serve` on loopback, SQLite, one process; {SENDERS} connections send exports of {BATCH} webhook spans,
each with 22 attributes, as the SDK's exporter encodes them, gzip. By hand: the same rows, ready in memory, with the
sqlite3 module's executemany into the same tables and indexes, with the same PRAGMAs, a transaction for each {BATCH};
nothing is decoded, compressed or summed up there. Both by the wall clock, in turns; the senders share the machine's
processors with the server."""


def main() -> int:
    """How many limits were not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    count = DELIVERIES // 10 if parser.parse_args().quick else DELIVERIES
    print(_HOW)
    with tempfile.TemporaryDirectory() as folder:
        verdicts = measure(Path(folder), count // BATCH * BATCH)
    for verdict in verdicts:
        print(f"  {verdict.what}: {verdict}")
    return sum(not verdict.reached for verdict in verdicts)


def measure(folder: Path, count: int) -> list[Verdict]:
    """Ingests and inserts in turns, and compares."""
    database = folder / "served.db"
    ingested: list[float] = []
    inserted: list[float] = []
    memory: list[float] = []
    worked = 0.0
    with serving(f"sqlite:///{database}") as (port, pid):
        send(port, [export() for _ in range(WARMING)])  # imports, caches, the processes that decode
        by_hand = Hand(folder / "by-hand.db", database)
        for batches in rounds(count):
            begun, before = time.perf_counter(), processor_seconds_of_all(pid)
            send(port, batches)
            ingested.append(len(batches) * BATCH / (time.perf_counter() - begun))
            worked += processor_seconds_of_all(pid) - before
            inserted.append(by_hand.insert_what_is_new())
            memory.append(sum(map(resident, own_and_children(pid))))
        kept = by_hand.rows
    sent = count + WARMING * BATCH
    size = sum(file.stat().st_size for file in folder.glob(f"{database.name}*"))
    print(f"  {'spans per second':34} {'served':>9} {'by hand':>9} {'ratio':>6}")
    for number, (one, other) in enumerate(zip(ingested, inserted, strict=True), 1):
        print(f"  round {number:<28} {one:9.0f} {other:9.0f} {one / other:6.2f}")
    rate, hand = mean_rate(ingested), mean_rate(inserted)
    print(f"  {'all':34} {rate:9.0f} {hand:9.0f} {rate / hand:6.2f}")
    each, each_by_hand = (seconds / count * 1e6 for seconds in (worked, by_hand.worked))
    print(f"  {'processor time for each, µs':34} {each:9.1f} {each_by_hand:9.1f} {each_by_hand / each:6.2f}")
    print(f"  kept: {kept} of {sent}; {size / kept:.0f} bytes on disk for each delivery, indexes included")
    print(f"  resident memory of the server: {memory[0]:.0f} MiB at a tenth, {memory[-1]:.0f} MiB at the end")
    return [
        Verdict("deliveries acknowledged and not kept", sent - kept, 0.5),
        Verdict("time of the inserts by hand, of ours at most twice", hand / rate, 1 / RATIO),
        Verdict("memory at the end, of a tenth's", memory[-1] / memory[0], 1.25),
    ]


def mean_rate(rates: list[float]) -> float:
    """Of rounds that are all as long."""
    return len(rates) / sum(1 / rate for rate in rates)


class Hand:
    """A second database with the server's schema, into which its rows are put by hand."""

    def __init__(self, path: Path, served: Path) -> None:
        self._served = sqlite3.connect(served)
        self._own = sqlite3.connect(path, isolation_level=None)
        self._own.execute("PRAGMA journal_mode=WAL")
        # As the server's own connection.
        for pragma in ("synchronous=FULL", "cache_size=-16000", "wal_autocheckpoint=4000"):
            self._own.execute(f"PRAGMA {pragma}")
        names = ", ".join(f"'{table}'" for table in _TABLES)
        schema = self._served.execute(
            f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({names}) AND sql IS NOT NULL ORDER BY type DESC"  # noqa: S608
        )
        for (statement,) in schema.fetchall():
            self._own.execute(statement)
        self.rows = 0
        self.worked = 0.0

    def insert_what_is_new(self) -> float:
        """Rows per second."""
        new = [
            self._served.execute(
                f"SELECT * FROM {table} ORDER BY seq LIMIT -1 OFFSET ?",  # noqa: S608  # our own names
                (self.rows,),
            ).fetchall()
            for table in _TABLES
        ]
        marks = [", ".join("?" * len(rows[0])) for rows in new]
        begun, before = time.perf_counter(), time.process_time()
        for start in range(0, len(new[0]), BATCH):
            self._own.execute("BEGIN IMMEDIATE")
            for table, places, rows in zip(_TABLES, marks, new, strict=True):
                statement = f"INSERT INTO {table} VALUES ({places})"  # noqa: S608  # our own names
                self._own.executemany(statement, rows[start : start + BATCH])
            self._own.execute("COMMIT")
        taken = time.perf_counter() - begun
        self.worked += time.process_time() - before
        self.rows += len(new[0])
        return len(new[0]) / taken


@contextmanager
def serving(url: str, *options: str) -> Iterator[tuple[int, int]]:
    """`outworx serve` on a database: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "outworx_otel.cli", "serve", "--port", str(port)]
    process = subprocess.Popen([*command, "--database", url, *options], stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("outworx serve did not start") from None
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def send(port: int, batches: list[bytes]) -> None:
    """All of them, over several connections; every one is acknowledged."""
    waiting = iter(batches)
    lock = threading.Lock()
    problems: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            with lock:
                batch = next(waiting, None)
            if batch is None:
                break
            connection.request("POST", "/v1/traces", batch, _HEADERS)
            answer = connection.getresponse()
            if answer.status != 200 or answer.read():
                problems.append(f"answered {answer.status}")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError(f"{len(problems)} exports were refused: {problems[0]}")


def rounds(count: int) -> Iterator[list[bytes]]:
    """Exports, made between the rounds."""
    batches = count // BATCH
    for number in range(ROUNDS):
        yield [export() for _ in range(batches * (number + 1) // ROUNDS - batches * number // ROUNDS)]


def export() -> bytes:
    """One batch, compressed."""
    return gzip.compress(encode_spans([delivery() for _ in range(BATCH)]).SerializeToString(), 6)


_RESOURCE: Final = Resource.create({"service.name": "shop", "service.instance.id": secrets.token_hex(16)})
_SCOPE: Final = InstrumentationScope(semconv.SCOPE, "1.0.0", semconv.SCHEMA_URL)


def delivery() -> ReadableSpan:
    """As the package makes it of a verified and deduplicated delivery."""
    now, event = time.time_ns(), f"evt_{secrets.token_urlsafe(18)}"
    context = SpanContext(
        int.from_bytes(secrets.token_bytes(16), "big"),
        int.from_bytes(secrets.token_bytes(8), "big"),
        False,
        TraceFlags(1),
    )
    return ReadableSpan(
        "webhook stripe",
        context,
        kind=SpanKind.CONSUMER,
        resource=_RESOURCE,
        instrumentation_scope=_SCOPE,
        start_time=now,
        end_time=now + 3_000_000 + secrets.randbelow(5_000_000),
        attributes={
            semconv.PROVIDER: "stripe",
            semconv.HTTP_METHOD: "POST",
            semconv.URL_PATH: "/webhooks/stripe",
            semconv.HTTP_ROUTE: "/webhooks/stripe",
            semconv.HTTP_BODY_SIZE: 900 + secrets.randbelow(400),
            semconv.EVENT_TYPE: "charge.succeeded",
            semconv.CLOUDEVENTS_TYPE: "charge.succeeded",
            semconv.EVENT_ID: event,
            semconv.CLOUDEVENTS_ID: event,
            semconv.CLOUDEVENTS_SOURCE: "stripe",
            semconv.SIGNATURE_VALID: True,
            semconv.SIGNATURE_KEY_INDEX: 0,
            semconv.SIGNATURE_AGE: secrets.randbelow(2000) / 1000,
            semconv.IDEMPOTENCY_OUTCOME: "executed",
            semconv.IDEMPOTENCY_KEY: secrets.token_hex(32),
            semconv.IDEMPOTENCY_COMMITTED: True,
            semconv.PROCESSING_STATUS: "completed",
            semconv.PROCESSING_MARKED_AT: now / 1e9,
            semconv.HTTP_STATUS: 200,
            "http.request.header.content-type": ("application/json; charset=utf-8",),
            "http.request.header.user-agent": ("Stripe/1.0 (+https://stripe.com/docs/webhooks)",),
            "http.request.header.stripe-signature": ("[redacted]",),
        },
    )


def resident(pid: int) -> float:
    """MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def own_and_children(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def processor_seconds_of_all(pid: int) -> float:
    """Of a process and its children."""
    return sum(map(processor_seconds, own_and_children(pid)))


def processor_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
