"""What is acknowledged is kept; what cannot be kept is not acknowledged; what is held is bounded."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import httpx
import pytest
from support.exports import PROTOBUF, counter, span, traces
from support.receiver import free_port
from support.sender import NO_CERTIFICATES
from support.staged_store import StagedStore

from outworx_otel.server.store import BatchRefused, StoreUnavailable
from outworx_otel.server.store.packing import Packed

from .serving import Serving

Serve = Callable[..., Serving]


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics"])
def test_what_could_not_be_written_is_a_503_and_can_be_sent_again(
    staged: Serving, store: StagedStore, path: str
) -> None:
    request = traces([span()]) if path.endswith("traces") else counter(1)
    store.faults["written"] = StoreUnavailable("the disk is full: free some")
    answer = staged.post(path, request.SerializeToString(), PROTOBUF)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert b"the disk is full" in answer.content
    store.faults.clear()
    assert staged.post(path, request.SerializeToString(), PROTOBUF).status_code == 200


def test_what_can_never_be_written_is_not_asked_for_again(staged: Serving, store: StagedStore) -> None:
    store.faults["written"] = BatchRefused("cannot be kept")
    assert staged.post("/v1/traces", traces([span()]).SerializeToString(), PROTOBUF).status_code == 400


def test_a_request_whose_client_hangs_up_is_written_all_the_same(server: Serving) -> None:
    body = traces([span()]).SerializeToString()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        connection.sendall(f"{head}content-type: application/x-protobuf\r\n\r\n".encode() + body)
    until = time.monotonic() + 20
    while not server.deliveries():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_body_that_is_cut_off_is_not_kept_and_disturbs_nobody(server: Serving) -> None:
    body = traces([span()]).SerializeToString()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body) + 1}\r\n"
        connection.sendall(f"{head}content-type: application/x-protobuf\r\n\r\n".encode() + body)
    assert server.post("/v1/traces", traces([]).SerializeToString(), PROTOBUF).status_code == 200
    assert server.deliveries() == []


def test_what_all_requests_hold_together_is_bounded(serve: Serve, tmp_path: Path) -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(StagedStore):
        def write_packed(self, batch: Packed, size: int) -> Future[None]:
            begun.set()
            release.wait(20)
            return super().write_packed(batch, size)

    server = serve(store=Slow(tmp_path / "slow.db"), max_queued_bytes=200_000)
    large = traces([span(attributes={"much": "x" * 150_000})]).SerializeToString()
    answers: list[httpx.Response] = []

    def send() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            packed = {**PROTOBUF, "content-encoding": "gzip"}
            answers.append(client.post("/v1/traces", content=gzip.compress(large), headers=packed))

    first = threading.Thread(target=send)
    first.start()
    assert begun.wait(20)
    send()
    release.set()
    first.join()
    assert sorted(answer.status_code for answer in answers) == [200, 503]
    send()
    assert answers[-1].status_code == 200


def test_killed_in_the_middle_it_has_everything_that_it_acknowledged(tmp_path: Path) -> None:
    database = tmp_path / "deliveries.db"
    port = free_port()
    command = [sys.executable, "-m", "outworx_otel.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603  # our own command
        [*command, "--database", f"sqlite:///{database}"], stdout=subprocess.DEVNULL, env={**os.environ}
    )
    acknowledged: list[str] = []
    enough = threading.Event()

    def send() -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            batch = [span() for _ in range(20)]
            try:
                answer = httpx.post(
                    f"http://127.0.0.1:{port}/v1/traces",
                    content=traces(batch).SerializeToString(),
                    headers=PROTOBUF,
                    verify=NO_CERTIFICATES,
                )
            except httpx.HTTPError:
                if enough.is_set():
                    return
                time.sleep(0.02)
                continue
            assert answer.status_code == 200
            acknowledged.extend(one.trace_id.hex()[16:] + one.span_id.hex() for one in batch)
            if len(acknowledged) >= 400:
                enough.set()

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    try:
        assert enough.wait(120)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        enough.set()
        for sender in senders:
            sender.join()
    again = Serving(database)
    kept = [again.client.get(f"/api/deliveries/{id}").status_code for id in acknowledged]
    again.stop()
    assert len(kept) >= 400
    assert set(kept) == {200}
