"""What `outworx forward` refuses, and how it ends when it is refused itself: what to do, and an exit code."""

from __future__ import annotations

import re

import pytest
from support.commands import runner
from support.receiver import Receiver, Reply, free_port

from outworx_otel.cli._app import app


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "Missing argument"),
        (("99999999",), "is no local server"),
        (("ftp://x",), "is no local server"),
        (("http://u:p@localhost",), "leave out user"),
        (("/a=1", "/a/=2"), "goes to http://localhost:1 already"),
        (("3000", "--filter", "typ=x"), "did you mean 'type'?"),
        (("3000", "--filter", "type"), "has no pattern"),
        (("3000", "--header", "nonsense"), "write 'Name: value'"),
        (("3000", "--header", "X: a\r\nY: b"), "write 'Name: value'"),
        (("3000", "--header", "Content-Length: 1"), "is set by what is sent"),
        (("3000", "--endpoint", "ftp://x"), "is no server's address"),
        (("3000", "--endpoint", "https://hooks.test"), "no API key; set OUTWORX_API_KEY, or pass --api-key"),
        (("3000", "--api-key", "a b"), "no header can hold"),
        (("3000", "--insecure", "--ca-bundle", __file__), "one or the other"),
        (("3000", "--ca-bundle", __file__), "holds no certificates"),
        (("3000", "--nonsense"), "No such option"),
    ],
)
def test_what_cannot_be_used_is_said_with_exit_code_2(monkeypatch, arguments, hint):
    for name in ("OUTWORX_API_KEY", "OUTWORX_HOOKS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTWORX_ENDPOINT", "http://127.0.0.1:1")
    done = runner().invoke(app, ["forward", *arguments])
    assert done.exit_code == 2
    assert hint in re.sub(r"[\s│]+", " ", done.stderr)
    assert done.stdout == ""


def test_a_server_that_cannot_be_reached_is_exit_code_1(forward):
    client = forward(f"http://127.0.0.1:{free_port()}", 3000, opens=False)
    assert client.wait() == 1
    assert "cannot be reached (connection refused); check --endpoint" in client.err
    assert client.out == ""


@pytest.mark.parametrize(
    ("status", "key", "hint"),
    [
        (401, "", "wants an API key (401"),
        (401, "key-1", "rejects this API key (401"),
        (403, "key-1", "rejects this API key (403"),
        (404, "key-1", "has no tunnel"),
        (429, "key-1", "does not open a tunnel (429 too many"),
        (500, "key-1", "does not open a tunnel (500"),
        (200, "key-1", "not what this client knows"),
    ],
)
def test_a_server_that_refuses_is_exit_code_1_and_says_what_to_do(monkeypatch, started, status, key, hint):
    receiver = Receiver(
        lambda call, index: Reply(status, body=b'{"error":"too many\\u001b[2J\\u009b2J"}')
    ).start()
    started.callback(receiver.stop)
    monkeypatch.setenv("OUTWORX_API_KEY", key)
    done = runner().invoke(app, ["forward", "3000", "--new", "--endpoint", receiver.endpoint])
    assert done.exit_code == 1
    assert hint in done.stderr
    assert done.stderr.rstrip("\n").isprintable()
    if key:
        assert receiver.calls[0].headers["authorization"] == f"Bearer {key}"
        assert key not in done.stderr
