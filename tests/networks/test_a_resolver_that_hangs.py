"""A resolver that does not answer: no request waits for it, calls end in their time, and a process ends."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from setup.test_processes import run

from outworx_otel.http.bounded_client import BoundedClient, NotConnected
from outworx_otel.http.certificates import trust

from .parts import Listening, answering

Listen = Callable[..., Listening]
# No name server can be made to hang without being root; so the process's resolver does.
HANGING = """
import socket, time
_real = socket.getaddrinfo
def hanging(host, *args, **kwargs):
    if b"hangs" in (host if isinstance(host, bytes) else str(host).encode()):
        time.sleep(120)
    return _real(host, *args, **kwargs)
socket.getaddrinfo = hanging
"""
APPLICATION = """
import time
import outworx_otel
from flask import Flask
outworx_otel.init("ohk_1", "http://hangs.example:4318", idempotency_store="outworx://hangs.example:4318")
from outworx_otel.integrations.flask import FlaskInstrumentor
FlaskInstrumentor().instrument()
app = Flask("app")
@app.post("/hook")
@outworx_otel.webhook("github", idempotency_key="body.id")
def hook(): return "ok"
client = app.test_client()
for number in range(5):
    begun = time.monotonic()
    status = client.post("/hook", json={"id": number}).status_code
    print(status, "at once" if time.monotonic() - begun < 5 else "late", flush=True)
"""


FORWARD = """
from outworx_otel.cli import main
from outworx_otel.cli.forward import loop_lookups
loop_lookups.SECONDS = 0.5
main()
"""


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The hosts that were asked for while the resolver hung."""
    asked: list[str] = []
    over = threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "hangs.example" and not over.is_set():
            asked.append(host)
            over.wait(60)
            host = "127.0.0.1"
        return real("127.0.0.1" if host == "hangs.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    over.set()


def test_a_call_ends_in_its_time_and_says_what_it_waited_for(hanging: list[str]) -> None:
    client = BoundedClient(trust)

    for _ in range(3):
        with pytest.raises(
            NotConnected, match=r"hangs.example cannot be looked up \(the name server has not"
        ):
            client.call("POST", "http://hangs.example:9/", body=b"", seconds=0.2)

    # However often it is tried, one thread hangs.
    assert hanging == ["hangs.example"]
    client.close()


def test_a_name_that_can_be_looked_up_again_is_reached(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = listen(answering(b"HTTP/1.1 204 No Content\r\n\r\n", []))
    url = listening.url.replace("127.0.0.1", "hangs.example")
    client = BoundedClient(trust)
    answer = threading.Event()
    real = socket.getaddrinfo

    def slow(host: Any, *args: Any, **kwargs: Any) -> Any:
        answer.wait(60)
        return real("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(NotConnected):
        client.call("POST", url, body=b"", seconds=0.1)
    answer.set()

    assert client.call("POST", url, body=b"", seconds=10).status == 204
    client.close()


def test_no_request_waits_and_the_process_ends(tmp_path: Path) -> None:
    begun = time.monotonic()
    done = run(tmp_path, sys.executable, "-c", HANGING + APPLICATION)

    assert done.stdout.splitlines() == ["200 at once"] * 5, done.stderr
    assert done.returncode == 0
    assert time.monotonic() - begun < 60
    assert "hangs.example cannot be looked up" in done.stderr


def test_forward_says_what_it_waits_for_and_ends_at_once(tmp_path: Path) -> None:
    command = (sys.executable, "-c", HANGING + FORWARD, "forward", "3000", "--new", "--api-key", "ohk_1")
    done = run(tmp_path, *command, OUTWORX_ENDPOINT="http://hangs.example")

    assert done.returncode == 1, done.stdout
    assert "hangs.example cannot be looked up: the name server has not answered" in done.stderr
