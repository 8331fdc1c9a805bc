"""The tools that send: to this machine alone, what the provider would have sent, and nothing that a stranger made."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from support.process import Server, wait_until
from support.serve_command import Command

from cli.site import DEPLOYMENTS, REPORTING

from .agent import Agent, over_http, over_stdio
from .incident import HOSTILE, Incident
from .test_quotation import inside

SECRET = "shpss_0123456789abcdef"  # noqa: S105
TOKEN = "glpat-of-the-agents-tests"  # noqa: S105
CONFIGURATION = """
[endpoints."/hooks/shopify"]
provider = "shopify"
signature_secret_env = "SHOP_SECRET"
idempotency_key = true
capture_body = true
"""


class Shop(NamedTuple):
    """A server without keys, an application that reports to it, and the folder of both."""

    folder: Path
    server: Command
    url: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "outworx.toml").write_text(CONFIGURATION)
    server = Command(folder, (), {"SHOP_SECRET": SECRET}).start()
    site = DEPLOYMENTS["uvicorn-fastapi"]
    environ = {
        "SHOP_SECRET": SECRET,
        **REPORTING,
        "OUTWORX_ENDPOINT": server.url,
    }
    application = Server(site.command, folder, environ, 1, site.ready_line)
    try:
        application.start()
        yield Shop(folder, server, application.url)
    finally:
        application.stop()
        server.kill()


@pytest.fixture(scope="module", params=["stdio", "http"])
def seller(request: pytest.FixtureRequest, shop: Shop) -> Iterator[Agent]:
    """An agent at the shop, by either way; where there are no keys, it may do everything."""
    if request.param == "http":
        with over_http(shop.server.url) as agent:
            yield agent
    else:
        with over_stdio(shop.folder, "--url", shop.server.url, SHOP_SECRET=SECRET) as agent:
            yield agent


def _kept(shop: Shop) -> list[dict[str, object]]:
    answer = httpx.get(f"{shop.server.url}/api/deliveries", params={"outcome": "accepted"}, timeout=10)
    found: list[dict[str, object]] = answer.json()["deliveries"]
    return found


def test_a_sample_is_sent_signed_and_the_stored_delivery_is_sent_once_more(seller: Agent, shop: Shop) -> None:
    before = len(_kept(shop))
    sent = seller.call(
        "trigger", provider="shopify", event="orders/create", to=f"{shop.url}/hooks/shopify", duplicate=True
    )
    assert not sent.is_error, sent.text
    assert sent.said.count("Answered 200") == 2
    assert "it was handled before" in sent.said
    wait_until(lambda: len(_kept(shop)) > before, lambda: "the delivery was not reported")
    id = str(_kept(shop)[0]["id"])

    looked = seller.call("replay", id=id, to=shop.url, dry_run=True)
    again = seller.call("replay", id=id, to=shop.url)

    assert looked.said.startswith("Would send it")
    assert '"fresh_signature": true' in looked.text
    assert not again.is_error, again.text
    assert "it was handled before" in again.said
    assert SECRET not in sent.text + looked.text + again.text


def test_a_bad_signature_is_to_be_rejected(seller: Agent, shop: Shop) -> None:
    to = f"{shop.url}/hooks/shopify"
    reply = seller.call(
        "trigger", provider="shopify", event="orders/create", to=to, bad_signature="hmac_mismatch"
    )
    assert not reply.is_error
    assert "Answered 401" in reply.said


@pytest.mark.parametrize("tool", ["trigger", "replay"])
@pytest.mark.parametrize(
    "target",
    [
        "http://192.0.2.1/hook",
        "http://outworx.example/hook",
        "http://0.0.0.0:3000/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:192.0.2.1]/hook",
        "http://localhost@192.0.2.1/hook",
        "https://3232235777/hook",
        "ftp://localhost/hook",
        "http://127.0.0.1:4318/t/0123456789abcdef0123/hook",
        "http://127.0.0.1:4318//t/0123456789abcdef0123/hook",
        "http://127.0.0.1:4318/%74/0123456789abcdef0123/hook",
        "http://127.0.0.1:4318/x/../t/0123456789abcdef0123/hook",
    ],
)
def test_nothing_leaves_this_machine(agent: Agent, incident: Incident, tool: str, target: str) -> None:
    what = {"provider": "github", "event": "push"} if tool == "trigger" else {"id": incident.good}
    reply = agent.call(tool, to=target, **what)
    assert reply.is_error
    assert any(
        told in reply.said
        for told in (
            "is not this machine",
            "cannot be looked up",
            "no address",
            "must not contain",
            "a tunnel",
        )
    ), reply.said


def test_what_a_stranger_made_is_not_signed_for_him(agent: Agent, incident: Incident) -> None:
    for dry_run in (True, False):
        reply = agent.call("replay", id=incident.rejected, to="http://127.0.0.1:1/", dry_run=dry_run)
        assert reply.is_error
        assert "a stranger may have sent it" in reply.said


class _Echo(BaseHTTPRequestHandler):
    """Answers with what a stranger would say, and with the headers that came."""

    def do_POST(self) -> None:
        body = f"{HOSTILE}\n{self.headers}".encode("utf-8", "replace")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_answer_is_quoted_too_and_a_secret_that_it_repeats_is_hidden(tmp_path: Path, echo: str) -> None:
    """GitLab's signature is the token itself."""
    environ = {"GITLAB_WEBHOOK_SECRET": TOKEN}
    with over_stdio(tmp_path, "--url", "http://127.0.0.1:1", **environ) as agent:
        reply = agent.call("trigger", provider="gitlab", to=echo, event=_first_event(agent))
    assert not reply.is_error, reply.text
    assert "ignore all instructions" not in reply.said
    (quotation,) = reply.quotations
    assert any("ignore all instructions" in line for line in inside(quotation))
    assert "x-gitlab-token" in quotation.lower()
    assert TOKEN not in reply.text


def _first_event(agent: Agent) -> str:
    said = agent.call("list_providers", provider="gitlab").said
    return said.rpartition("trigger can send: ")[2].partition(",")[0].rstrip(".")


def test_the_command_prints_nothing_but_the_protocol(tmp_path: Path) -> None:
    begin = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    done = subprocess.run(  # our own command
        [sys.executable, "-m", "outworx_otel.cli", "mcp", "--url", "http://127.0.0.1:1"],
        input=json.dumps(begin).encode() + b"\n",
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [1]
    assert answers[0]["result"]["serverInfo"]["name"] == "outworx"
    assert "quoted data" in answers[0]["result"]["instructions"]
