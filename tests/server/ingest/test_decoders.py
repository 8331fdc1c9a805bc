"""Exports that are decoded in other processes: the same as here, whatever becomes of those processes."""

from __future__ import annotations

import contextlib
import logging
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from collector.daemon import until
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.exceptions import HTTPException
from support.exports import PROTOBUF, WEBHOOK, as_json, both, span, traces
from support.serve_command import Command

from outworx_otel.server.ingest import decoder_process, otlp_format
from outworx_otel.server.ingest.decoders import Decoders
from outworx_otel.server.ingest.decoding import Decoded, ExportBody, decode
from outworx_otel.server.problems.clocks import KnownClock
from outworx_otel.server.store.packing import Packing
from outworx_otel.telemetry import semconv

FAILED = {
    **WEBHOOK,
    semconv.OUTCOME: "failed",
    semconv.HTTP_STATUS: 500,
    semconv.EXCEPTION_TYPE: "shop.BankError",
    semconv.SIGNATURE_VALID: True,
    semconv.SIGNATURE_AGE: -7.5,
}
WORK = span(
    "process", {semconv.PROCESSING_STATUS: "failed"}, links=[Span.Link(trace_id=b"t" * 16, span_id=b"s" * 8)]
)
HOW = Packing(time.time_ns(), {("shop", ""): KnownClock(-5 * 10**9, 7), ("\0 odd", "prod"): KnownClock()})
BODIES: dict[str, tuple[bytes, str]] = {
    "deliveries": (traces([span() for _ in range(3)]).SerializeToString(), otlp_format.PROTOBUF),
    "all kinds": (
        both(
            traces([span(attributes=FAILED), WORK, span(span_id=b"")]),
            traces([span("SELECT", {"db.system": "postgresql"})], scope="sqlalchemy"),
        ).SerializeToString(),
        otlp_format.PROTOBUF,
    ),
    "odd values": (
        traces(
            [span(attributes={**WEBHOOK, "big": 2**63 - 1, "nul": "\0", "list": [1, None, {"a": b"\xff"}]})],
            service="\0 odd",
        ).SerializeToString(),
        otlp_format.PROTOBUF,
    ),
    "half a surrogate pair": (
        as_json(traces([span(attributes={**WEBHOOK, semconv.EVENT_ID: "HALF"})])).replace(
            b"HALF", b"\\ud800"
        ),
        otlp_format.JSON,
    ),
    "JSON": (as_json(traces([span()])), otlp_format.JSON),
    "no protobuf": (b"\xff\xff", otlp_format.PROTOBUF),
    "no JSON": (b"{", otlp_format.JSON),
    "too many spans": (traces([Span() for _ in range(50_001)]).SerializeToString(), otlp_format.PROTOBUF),
    "nothing": (b"", otlp_format.PROTOBUF),
}


def export(body: bytes, format: str = otlp_format.PROTOBUF) -> ExportBody:
    return ExportBody(body, format, HOW)


def result(decode: Callable[[ExportBody], Decoded], of: ExportBody) -> Any:
    try:
        return decode(of)
    except HTTPException as error:
        return error.status_code, error.detail


BUSY = export(traces([span() for _ in range(500)]).SerializeToString())


def two_at_once(decoders: Decoders) -> None:
    with ThreadPoolExecutor(2) as threads:
        assert [len(found.packed.rows) for found in threads.map(decoders.decode, [BUSY, BUSY])] == [500, 500]


def crowd(decoders: Decoders) -> psutil.Process:
    """Two at a time, until there is a process."""
    there = set(of(psutil.Process()))

    def is_one() -> bool:
        two_at_once(decoders)
        return bool(decoders.processes)

    until(is_one)
    (process,) = set(of(psutil.Process())) - there
    return process


def of(process: psutil.Process) -> list[psutil.Process]:
    """Its processes for decoding that have not ended."""
    found = []
    for child in process.children():
        with contextlib.suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE and "outworx-decoder" in child.cmdline():
                found.append(child)
    return found


def has_ended(process: psutil.Process) -> bool:
    return process not in of(psutil.Process())


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(most=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Decoders]:
    made = Decoders(most=1)
    crowd(made)
    yield made
    assert made.processes == 1, "one of the bodies ended it"
    made.close()


@pytest.mark.parametrize("kind", BODIES)
def test_a_process_answers_what_is_decoded_here(running: Decoders, kind: str) -> None:
    of = export(*BODIES[kind])
    assert result(running.decode, of) == result(decode, of)


def test_one_export_at_a_time_needs_no_process(decoders: Decoders) -> None:
    for _ in range(3):
        decoders.decode(export(BODIES["deliveries"][0]))
    assert decoders.processes == 0


def test_on_one_processor_all_is_decoded_here() -> None:
    alone = Decoders(most=0)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(alone.decode, [export(BODIES["deliveries"][0])] * 50))
    assert (len(found), alone.processes) == (50, 0)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_nothing_is_lost_with_a_process(
    decoders: Decoders,
    fault: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = crowd(decoders)
    monkeypatch.setattr(decoder_process, "ANSWERS_WITHIN", 0.5)
    process.send_signal(fault)
    for _ in range(2):
        assert len(decoders.decode(export(BODIES["deliveries"][0])).packed.rows) == 3
    assert decoders.processes == 0
    assert has_ended(process)
    (told,) = [record for record in caplog.records if record.name == "outworx_otel.server"]
    assert told.levelno == logging.WARNING
    assert "ended with status -9" in told.getMessage()


def test_a_process_without_work_ends_and_is_not_missed(caplog: pytest.LogCaptureFixture) -> None:
    # On a busy machine a second may pass before it is looked at.
    decoders = Decoders(most=1, idle_seconds=3)
    process = crowd(decoders)
    until(lambda: has_ended(process))
    for _ in range(2):
        assert len(decoders.decode(export(BODIES["deliveries"][0])).packed.rows) == 3
    assert decoders.processes == 0
    process = crowd(decoders)
    decoders.close()
    assert has_ended(process)
    assert not caplog.records


@pytest.mark.parametrize("executable", ["", "/does/not/exist"])
def test_where_no_process_can_be_started_all_is_decoded_here(
    executable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    without = Decoders(most=None if not executable else 1)
    for _ in range(5):
        two_at_once(without)
    assert without.processes == 0
    assert len(caplog.records) == (1 if executable else 0)


def test_a_process_knows_no_site_that_is_meant_for_applications(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"open({str(tmp_path / 'told')!r}, 'w')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    crowd(decoders)
    assert not (tmp_path / "told").exists()


def test_a_server_keeps_what_comes_while_they_are_killed_and_they_end_with_it(tmp_path: Path) -> None:
    database = tmp_path / "deliveries.db"
    command = Command(tmp_path, ["--database", f"sqlite:///{database}"]).start()
    server = psutil.Process(command.process.pid)
    acknowledged: list[int] = []
    done = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{command.port}", timeout=60) as client:
            while not done.is_set():
                body = traces([span() for _ in range(400)]).SerializeToString()
                answer = client.post("/v1/traces", content=body, headers=PROTOBUF)
                assert answer.status_code == 200
                acknowledged.append(400)

    with ThreadPoolExecutor(4) as threads:
        senders = [threads.submit(send) for _ in range(4)]
        try:
            until(lambda: of(server))
            before = len(acknowledged)
            until(lambda: len(acknowledged) > before + 4)
            of(server)[0].kill()
            before = len(acknowledged)
            until(lambda: len(acknowledged) > before + 8)
        finally:
            done.set()
        for sender in senders:
            sender.result()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM deliveries").fetchone() == (sum(acknowledged),)
    assert command.said().count("processes that decode exports") == 1
    command.kill()


def test_a_process_ends_when_its_server_is_killed(decoders: Decoders, tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(_SERVER)
    server = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert server.stdout is not None
    (process,) = [psutil.Process(int(server.stdout.readline()))]
    assert process.ppid() == server.pid
    server.kill()
    server.wait(10)
    process.wait(10)
    server.stdout.close()


_SERVER = """
import psutil, threading, time
from outworx_otel.server.ingest.decoders import Decoders
from outworx_otel.server.ingest.decoding import ExportBody
from outworx_otel.server.store.packing import Packing

decoders = Decoders(most=1)
body = b"\\xff" * 100_000

def work():
    while not decoders.processes:
        try:
            decoders.decode(ExportBody(body, "application/x-protobuf", Packing(time.time_ns(), {})))
        except Exception:
            pass

threads = [threading.Thread(target=work) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(psutil.Process().children()[0].pid, flush=True)
time.sleep(600)
"""
