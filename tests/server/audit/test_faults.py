"""A real server whose database cannot be used: clear words and a 503 for programs and people, then well again."""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.exports import JSON, PROTOBUF, WEBHOOK, as_json, counter, span, traces
from support.serve_command import Command

from .conftest import Serve

EVENT = {
    "provider": "stripe",
    "status_code": 200,
    "success": True,
    "duration_ms": 1,
    "payload_size": 2,
    "timestamp": "2026-11-24T10:00:00Z",
}
PAGES = ("/", "/deliveries", "/deliveries/abc")
READING = (*PAGES, "/api/deliveries", "/deliveries.csv", "/deliveries.json", "/healthz")


@pytest.fixture
def server(serve: Serve) -> Command:
    return serve()


@pytest.fixture
def client(server: Command) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def export(client: httpx.Client, spans: int = 50, size: int = 0) -> httpx.Response:
    attributes = {**WEBHOOK, "filling": "x" * size}
    body = traces([span(attributes=attributes) for _ in range(spans)]).SerializeToString()
    return client.post("/v1/traces", content=body, headers=PROTOBUF)


def listed(client: httpx.Client) -> int:
    return len(json.loads(client.get("/deliveries.json").text)["deliveries"])


def refused(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert words in answer.text
    assert "outworx.db" in answer.text


@contextlib.contextmanager
def no_room_for(server: Command, folder: Path) -> Iterator[None]:
    """As on a disk that is full: the kernel refuses to let its files grow."""
    largest = max(file.stat().st_size for file in folder.glob("outworx.db*"))
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_503_and_everything_acknowledged_is_there(
    server: Command, client: httpx.Client, tmp_path: Path
) -> None:
    assert export(client).status_code == 200
    kept = 50
    with no_room_for(server, tmp_path):
        while (answer := export(client, 50, 2000)).status_code == 200:
            kept += 50
            assert kept < 20_000
        refused(answer, "the disk")
        refused(
            client.post("/api/ingest", json={"events": [{**EVENT, "request_body": "x" * 90_000}] * 9}),
            "the disk",
        )
        # Nothing is wrong with reading.
        assert {client.get(path).status_code for path in ("/", "/deliveries", "/api/deliveries")} == {200}
        assert listed(client) == kept
    assert export(client, 50, 2000).status_code == 200
    assert listed(client) == kept + 50
    assert "the disk" in server.said()


def test_a_lock_of_another_process_is_a_503_for_what_writes_and_nothing_to_what_reads(
    client: httpx.Client, tmp_path: Path
) -> None:
    assert export(client).status_code == 200
    with contextlib.closing(sqlite3.connect(tmp_path / "outworx.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert {
            client.get(path).status_code for path in ("/", "/deliveries", "/api/deliveries", "/healthz")
        } == {200}
        refused(
            client.post("/api/sdk/idempotency/check", json={"key": "k"}), "another process holds it locked"
        )
        refused(export(client), "another process holds it locked")
        assert listed(client) == 50
    assert export(client).status_code == 200
    assert listed(client) == 100


@pytest.mark.parametrize("harm", ["damaged", "removed"])
def test_a_file_that_is_damaged_or_gone_is_a_503_everywhere(
    client: httpx.Client, tmp_path: Path, harm: str
) -> None:
    file = tmp_path / "outworx.db"
    for _ in range(8):
        assert export(client, 200).status_code == 200
    if harm == "damaged":
        words = "the file is damaged"
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with file.open("r+b") as opened:
            opened.seek(4096)
            opened.write(b"\xa5" * (file.stat().st_size - 4096))
    else:
        words = "the file was removed"
        for one in tmp_path.glob("outworx.db*"):
            one.unlink()
    refused(export(client), words)
    refused(client.post("/v1/traces", content=as_json(traces([span()])), headers=JSON), words)
    refused(client.post("/v1/metrics", content=counter(1).SerializeToString(), headers=PROTOBUF), words)
    refused(client.post("/api/ingest", json={"events": [EVENT]}), words)
    refused(client.post("/api/sdk/idempotency/check", json={"key": "k"}), words)
    for path in READING[:-1]:
        refused(client.get(path), words)
    for path in PAGES:
        assert "text/html" in client.get(path).headers["content-type"]
    # Anybody may ask, so it says no more.
    health = client.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")
