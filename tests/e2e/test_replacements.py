"""Servers that replace their processes by themselves: after an edit, or so many requests. No delivery is lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.deployment import SPAWNED, Deployment, gunicorn, uvicorn
from support.process import Server, wait_until
from support.receiver import Receiver
from support.scale import rows
from support.sender import post

from .arrivals import webhooks
from .conftest import Receive, Serve

EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_replaced",
}
# Frameworks' own development servers end while their threads still answer; these do not.
RELOADING = rows(
    [pytest.param(uvicorn("fastapi_site:app", "--reload"), id="uvicorn", marks=SPAWNED)],
    [pytest.param(gunicorn("flask_site:app", "--reload", "--reload-extra-file", "edited.py"), id="gunicorn")],
)
# uvicorn ends by itself, and whoever supervises it starts another; gunicorn starts another worker.
RECYCLING = rows(
    [pytest.param(uvicorn("fastapi_site:app", "--limit-max-requests", "40"), id="uvicorn")],
    [
        pytest.param(
            gunicorn(
                "fastapi_site:app", "-k", "uvicorn_worker.UvicornWorker", "--max-requests", "40", workers=2
            ),
            id="gunicorn-uvicorn-worker",
        )
    ],
)


def answered_by(server: Server) -> int:
    """The process that serves; 0 while none does."""
    try:
        return int(post(f"{server.url}/webhooks/github").json()["pid"])
    except httpx.TransportError:
        return 0


@contextlib.contextmanager
def under_load(server: Server, pids: list[int]) -> Iterator[None]:
    """Several senders deliver, one after the other, for as long as the block runs; `pids` says who answered."""
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            pids.append(answered_by(server))

    senders = [threading.Thread(target=send, daemon=True) for _ in range(3)]
    for sender in senders:
        sender.start()
    try:
        yield
    finally:
        over.set()
        for sender in senders:
            sender.join(30)


@pytest.mark.parametrize("deployment", RELOADING)
def test_an_edit_under_load_loses_no_delivery_of_the_process_that_is_replaced(
    deployment: Deployment, receive: Receive, serve: Serve, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text("before = True\n")
    receiver = receive()
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    pids: list[int] = []
    with under_load(server, pids):
        wait_until(lambda: len(pids) > 30, server.log)
        first = pids[0]
        edited.write_text("before = False\n")
        wait_until(lambda: any(pid not in (0, first) for pid in list(pids)), server.log)
    assert_nothing_lost(server, receiver, pids)


@pytest.mark.parametrize("deployment", RECYCLING)
def test_workers_that_end_after_so_many_requests_lose_no_delivery(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    pids: list[int] = []
    with under_load(server, pids):
        # Another process answers, or none does.
        wait_until(lambda: len(set(pids)) > deployment.workers, server.log)
    assert_nothing_lost(server, receiver, pids)


def assert_nothing_lost(server: Server, receiver: Receiver, pids: list[int]) -> None:
    server.terminate()
    answered = sum(pid != 0 for pid in pids)
    # One whose answer was lost on the way may well have a span too.
    assert answered <= len(webhooks(receiver)) <= len(pids)
    assert "Traceback" not in server.log()
