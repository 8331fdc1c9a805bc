"""Servers that replace their processes by themselves: after an edit, or so many requests. No delivery is lost."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .arrivals import webhooks
from .conftest import Receive, Serve
from .deployment import INSTRUMENTED, SPAWNED, Deployment, gunicorn, only, uvicorn
from .process import SCRIPTS, Server, wait_until
from .scale import rows
from .sender import post

EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_replaced",
}
FLASK = Deployment(
    (*INSTRUMENTED, str(SCRIPTS / "flask"), "--app", "flask_site", "run", "--debug", "--port", "{port}"),
    1,
    "Debugger PIN",
    {**only("flask"), "PYTHONDONTWRITEBYTECODE": "1"},
)
DJANGO = Deployment(
    (*INSTRUMENTED, sys.executable, "-m", "django", "runserver", "127.0.0.1:{port}"),
    1,
    "Quit the server",
    {**only("django"), "DJANGO_SETTINGS_MODULE": "django_settings"},
)
# Each watches the working directory, or the file that it is given.
RELOADING = rows(
    [pytest.param(uvicorn("fastapi_site:app", "--reload"), id="uvicorn", marks=SPAWNED)],
    [
        pytest.param(
            gunicorn("flask_site:app", "--reload", "--reload-extra-file", "edited.py"), id="gunicorn"
        ),
        pytest.param(FLASK, id="flask"),
        pytest.param(DJANGO, id="django"),
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
    edited.write_text("import fastapi_site\n")
    receiver = receive()
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    pids: list[int] = []
    with under_load(server, pids):
        wait_until(lambda: len(pids) > 30, server.log)
        first = pids[0]
        edited.write_text("import fastapi_site  # edited\n")
        wait_until(lambda: any(pid not in (0, first) for pid in list(pids)), server.log)
    server.terminate()
    answered = sum(pid != 0 for pid in pids)
    unanswered = len(pids) - answered
    # One whose answer was lost on the way may well have a span too.
    assert answered <= len(webhooks(receiver)) <= answered + unanswered
    assert "Traceback" not in server.log()
