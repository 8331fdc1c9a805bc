"""`/mcp` is one of the server's ways in: keys, purposes, hosts, origins and sizes are checked as at the others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import httpx
import pytest
from server.access.scene import application, client
from support.commands import invoked
from support.serve_command import Command

from outworx_otel.cli.mcp import agents_over_http

from .agent import over_http
from .conftest import ADMIN, READER
from .incident import Incident

ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPTS = {"Accept": "application/json, text/event-stream"}
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("unlocked")).start()
    yield command
    command.kill()


def asked(server: Command, **headers: str) -> httpx.Response:
    return httpx.post(f"{server.url}/mcp", json=ASKED, headers={**ACCEPTS, **headers}, timeout=30)


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_that_may_read_is_needed_where_there_are_keys(server: Command) -> None:
    assert asked(server).status_code == 401
    assert asked(server, **with_key("owx-key-of-nobody")).status_code == 401
    refused = asked(server, **with_key("owx-key-of-an-app"))
    assert refused.status_code == 403
    assert "may only send telemetry" in refused.json()["error"]
    for key in (READER, ADMIN):
        answer = asked(server, **with_key(key))
        assert answer.status_code == 200
        assert len(answer.json()["result"]["tools"]) == 9


def test_another_sites_page_and_another_name_get_nowhere(server: Command, unlocked: Command) -> None:
    """A page of a stranger in the browser of whoever runs the server, also by DNS rebinding."""
    for locked in (server, unlocked):
        assert asked(locked, **FOREIGN).status_code in (401, 403)
        assert asked(locked, Host="evil.example:4318").status_code in (401, 421)
    assert asked(unlocked, **FOREIGN).status_code == 403
    assert asked(unlocked, Origin="null").status_code == 403
    assert asked(unlocked, Host="evil.example").status_code == 421
    assert asked(unlocked).status_code == 200


def test_a_login_is_no_key(server: Command) -> None:
    """What a page can send by the cookie of a login is not what an agent may do."""
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}) as browser:
        token = browser.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
        logged_in = browser.post("/login", data={"key": ADMIN, "csrf": token, "next": "/"})
        assert logged_in.status_code == 303
        assert browser.post("/mcp", json=ASKED, headers=ACCEPTS).status_code == 401


def test_what_is_too_large_or_no_json_is_refused_and_nothing_is_held_open(server: Command) -> None:
    key = {**ACCEPTS, **with_key(READER)}
    large = httpx.post(f"{server.url}/mcp", content=b"x" * (1024 * 1024 + 1), headers=key, timeout=30)
    assert large.status_code == 413
    json_type = {"Content-Type": "application/json"}
    assert httpx.post(f"{server.url}/mcp", content=b"{", headers={**key, **json_type}).status_code == 400
    assert httpx.post(f"{server.url}/mcp", content=b"{}", headers=key).status_code in (400, 415)
    for method in ("GET", "DELETE", "PUT"):
        assert httpx.request(method, f"{server.url}/mcp", headers=key, timeout=10).status_code == 405


def test_many_agents_at_once_are_all_answered(server: Command, incident: Incident) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "explain_delivery", "arguments": {"id": incident.failed}},
    }

    def once(_: int) -> str:
        headers = {**ACCEPTS, **with_key(READER)}
        answer = httpx.post(f"{server.url}/mcp", json=call, headers=headers, timeout=60)
        return str(answer.json()["result"]["content"][0]["text"])

    with ThreadPoolExecutor(16) as pool:
        said = set(pool.map(once, range(48)))
    assert len(said) == 1
    assert "Outcome: error" in said.pop()


def test_a_server_stops_while_agents_are_connected(tmp_path: Path) -> None:
    server = Command(tmp_path).start()
    try:
        with over_http(server.url) as agent:
            assert agent.call("list_problems").said == "There is no problem."
            assert server.end() == 0
    finally:
        server.kill()


def test_where_nothing_serves_agents_it_says_what_to_install(tmp_path: Path) -> None:
    with client(application(tmp_path, api_keys=())) as caller:
        answer = caller.post("/mcp", json=ASKED)
    assert answer.status_code == 404
    assert "pip install 'outworx-otel[mcp]'" in answer.json()["error"]


@pytest.mark.parametrize("version", [None, "1.30.0"])
def test_without_the_extra_the_command_says_what_to_install_and_a_server_starts(
    version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    done = invoked("mcp")
    assert done.code == 2
    assert "pip install 'outworx-otel[mcp]'" in done.err
    assert agents_over_http(()) is None


IMPORTED = """
import json, sys
import outworx_otel.cli._app, outworx_otel.cli.serve, outworx_otel.server.app
from outworx_otel.cli.mcp import agents_over_http
agents_over_http(())
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in ("mcp", "mcp_types", "httpx2"))))
"""


def test_neither_the_other_commands_nor_a_server_import_the_protocol_before_it_is_spoken(
    tmp_path: Path,
) -> None:
    done = subprocess.run(  # noqa: S603  # our own Python
        [sys.executable, "-c", IMPORTED], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == []
