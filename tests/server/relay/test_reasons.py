"""Why a delivery failed appears below its line, out of the application's own telemetry at the same server."""

from __future__ import annotations

import sys

import pytest

from outworx_otel.signatures import sign

from .processes import SITES, Listening
from .waiting import wait_for


@pytest.fixture
def verified(server, started, tmp_path):
    """The application, which reports to the server."""
    command = ("-m", "uvicorn", "verified_site:app", "--app-dir", str(SITES), "--port", "{port}")
    environ = {"OUTWORX_HOOKS_ENDPOINT": server.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    process = Listening([sys.executable, *command, "--no-access-log"], tmp_path, environ)
    started.callback(process.stop)
    return process.start()


def push(body: bytes, secret: str = "secret") -> dict[str, object]:  # noqa: S107  # a test's
    return {"content": body, "headers": {"x-github-event": "push", **sign("github", body, secret)}}


def test_a_failed_signature_is_explained_below_its_line(server, verified, forward, callers):
    client = forward(server, verified.port)
    url = f"{client.public_url}/webhooks/github"
    assert callers.send(url, **push(b'{"done":true}', "wrong")).result().status_code == 401
    client.says(r"^  \d\d:\d\d:\d\d  POST /webhooks/github  401  \d+ms$")
    client.says(r"^  \d\d:\d\d:\d\d  POST /webhooks/github  hmac_mismatch - \S+")


def test_a_silent_drop_is_explained_though_it_was_answered_200(server, verified, forward, callers):
    client = forward(server, verified.port, "--json")
    url = f"{client.public_url}/webhooks/github"
    assert callers.send(url, **push(b'{"done":true}')).result().status_code == 200
    assert callers.send(url, **push(b'{"done":false}')).result().status_code == 200
    (explained,) = wait_for(lambda: client.lines("explained"))
    _, dropped = client.lines("delivery")
    assert explained["id"] == dropped["id"]
    assert explained["outcome"] == "silent_drop"
    assert "silent drop" in explained["summary"]


def test_a_server_that_only_relays_is_asked_once(serve, forward, site, callers):
    """It has no such call, and nothing is said of it."""
    client = forward(serve(), site.port)
    answer = callers.send(client.public_url, headers={"x-status": "401"}).result()
    assert answer.status_code == 401
    client.says("401")
    assert client.interrupt() == 0
    assert client.err == ""
