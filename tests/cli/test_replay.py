"""`outworx replay`: a stored delivery, sent to a real application once more."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from e2e.arrivals import webhooks
from support.commands import Outcome, invoked
from support.process import wait_until
from support.receiver import free_port

from outworx_otel.cli.trigger.samples import find, render
from outworx_otel.server.replay import SavedDelivery, write_saved
from outworx_otel.signatures import sign_request

from .site import SECRETS, Site

THEN = 1_790_000_000.0


class Shelf:
    """The part of a server that replay asks: deliveries by their id, for one key."""

    def __init__(self) -> None:
        self.deliveries: dict[str, Any] = {}
        self.status = 0
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = shelf.deliveries.get(self.path.removeprefix("/api/deliveries/"))
                status = shelf.status or (200 if found is not None else 404)
                if self.headers["authorization"] != "Bearer ohk_right":
                    status = 401
                self.send_response(status)
                self.end_headers()
                self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    standing = Shelf()
    yield standing
    standing.stop()


@pytest.fixture
def replay(fastapi: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs the command in the application's folder, with its secrets."""
    monkeypatch.chdir(fastapi.folder)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Outcome:
        return invoked("replay", *arguments)

    return run


def _saved(folder: Path, path: str, provider: str = "stripe", event: str = "charge.succeeded") -> Path:
    rendered = render(find(provider, event), THEN)
    secret = SECRETS[f"{provider.upper()}_SECRET"]
    signed = sign_request(
        provider, rendered.body, secret, now=THEN, message_id="msg_kept", headers=rendered.headers
    )
    headers = (*rendered.headers, *signed.headers.items(), ("X-Forwarded-Proto", "https"))
    file = folder / "one.json"
    write_saved(file, SavedDelivery("1", "2026-09-21T14:13:21Z", "POST", path, "a=1", headers, signed.body))
    return file


def test_a_saved_delivery_is_valid_again_and_is_the_same_event(
    replay: Callable[..., Outcome], fastapi: Site, folder: Path
) -> None:
    file = _saved(folder, "/hooks/clerk/saved", "clerk", "user.created")

    first, second = (replay(file, "--to", fastapi.url, "--json").json()[0] for _ in range(2))

    assert (first["status"], first["fresh_signature"]) == (200, True)
    assert first["body"] == second["body"]
    assert json.loads(first["body"])["query"] == "a=1"

    def outcomes() -> list[str]:
        spans = [
            span for span in webhooks(fastapi.receiver) if span.attributes["url.path"] == "/hooks/clerk/saved"
        ]
        assert all(span.short("event.id") == "msg_kept" for span in spans)
        return sorted(span.short("idempotency.outcome") for span in spans)

    wait_until(lambda: outcomes() == ["executed", "replayed"], lambda: str(outcomes()))


def test_as_received_it_keeps_its_old_signature_and_is_rejected_for_it(
    replay: Callable[..., Outcome], fastapi: Site, folder: Path
) -> None:
    done = replay(_saved(folder, "/hooks/stripe/old"), "--to", fastapi.url, "--as-received")

    assert done.code == 1
    assert "  401  " in done.out
    assert "as you wished" in done.out


def test_a_delivery_of_the_server_is_sent_by_its_id(
    replay: Callable[..., Outcome], fastapi: Site, shelf: Shelf
) -> None:
    body = b'{"id":"evt_1","type":"charge.succeeded","text":"gr\xc3\xb6\xc3\x9fe"}'
    shelf.deliveries["3f9a"] = {
        "provider": "stripe",
        "http.request.method": "POST",
        "url.path": "/somewhere/else",
        "http.request.body.size": len(body),
        "request.body": body.decode(),
        "http.request.header.content-type": ["application/json"],
        "http.request.header.stripe-signature": ["[redacted]"],
    }

    done = replay(
        *("3f9a", "--to", f"{fastapi.url}/hooks/stripe/by-id"),
        *("--endpoint", shelf.url, "--api-key", "ohk_right", "--json"),
    )

    assert done.code == 0, done
    seen = json.loads(done.json()[0]["body"])
    assert seen["size"] == len(body)


def test_a_tunnelled_delivery_of_the_server_is_sent_to_the_byte(
    replay: Callable[..., Outcome], fastapi: Site, shelf: Shelf
) -> None:
    shelf.deliveries["b1"] = {
        "provider": "slack",
        "method": "POST",
        "path": "/hooks/slack",
        "headers": [["X-Twice", "1"], ["X-Twice", "2"]],
        "body_base64": base64.b64encode(bytes(range(256))).decode(),
    }

    done = replay("b1", "--to", fastapi.url, "--endpoint", shelf.url, "--api-key", "ohk_right", "--json")

    assert done.code == 0
    assert (done.json()[0]["fresh_signature"], "no secret is known for slack" in done.json()[0]["note"]) == (
        False,
        True,
    )
    seen = json.loads(done.json()[0]["body"])
    assert seen["size"] == 256
    assert [value for name, value in seen["headers"] if name == "x-twice"] == ["1", "2"]


@pytest.mark.parametrize(
    ("identity", "arguments", "said"),
    [
        ("gone", ("--api-key", "ohk_right"), "has no delivery 'gone'"),
        ("there", ("--api-key", "ohk_wrong"), "does not take this key (401)"),
        ("there", (), "wants a key (401)"),
        ("there", ("--api-key", "ohk_right"), "the body was not stored"),
        ("odd", ("--api-key", "ohk_right"), "is it an outworx server?"),
        ("../../etc", ("--api-key", "ohk_right"), "cannot be read"),
        ("nowhere.json", (), "cannot be read"),
    ],
)
def test_what_cannot_be_had_is_said_and_ends_with_1(
    identity: str, arguments: tuple[str, ...], said: str, shelf: Shelf, folder: Path
) -> None:
    shelf.deliveries |= {"there": {"http.request.body.size": 7}, "odd": b"<html>"}

    done = invoked("replay", identity, "--to", "3000", "--endpoint", shelf.url, *arguments)

    assert done.code == 1
    assert said in done.err


def test_no_server_and_no_application_are_said(folder: Path) -> None:
    nobody = free_port()
    lost = invoked("replay", "abc", "--to", "3000", "--endpoint", f"http://127.0.0.1:{nobody}")
    alone = invoked("replay", _saved(folder, "/x"), "--to", nobody)

    assert (lost.code, alone.code) == (1, 1)
    assert "start `outworx serve`" in lost.err
    assert "is the application running there?" in alone.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "ftp://x"), "is no address"),
        (("--to", "3000", "--provider", "nobody"), "--provider 'nobody' is none"),
        (("--to", "3000", "--header", "x"), "--header must read"),
        (("--to", "3000", "--secret-env", "NOT_SET"), "NOT_SET (--secret-env) is not set"),
        ((), "--to"),
    ],
)
def test_a_wrong_use_ends_with_2(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    done = invoked("replay", _saved(folder, "/x"), *arguments)

    assert done.code == 2
    assert said in done.err


def test_a_curl_line_is_printed_and_nothing_is_sent(folder: Path) -> None:
    done = invoked("replay", _saved(folder, "/hooks"), "--to", "3000", "--curl")

    assert done.code == 0
    assert done.out.startswith("printf %s ")
    assert done.out.rstrip().endswith("'http://localhost:3000/hooks?a=1' --data-binary @-")
