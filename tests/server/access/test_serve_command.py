"""`outworx serve` as somebody starts it: what it says, and what stops it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import httpx
import pytest
from support.commands import invoked
from support.serve_command import Command

from .conftest import Start


def deliveries(url: str, key: str | None = None) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{url}/api/deliveries", headers=headers).status_code


def made_key(command: Command) -> str:
    found = re.search(r"API key +(owx_\S+)", command.said())
    assert found is not None, command.said()
    return found[1]


def test_it_says_where_everything_is(start: Start, tmp_path: Path) -> None:
    server = start()
    said = server.said()
    assert f"Dashboard   {server.url}/\n" in said
    assert f"OTLP/HTTP   {server.url}/v1/traces" in said
    assert "Database    sqlite:///outworx.db" in said
    assert f"export OUTWORX_ENDPOINT={server.url}\n" in said
    assert "\x1b" not in said
    assert (tmp_path / "outworx.db").exists()
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}
    assert deliveries(server.url) == deliveries(server.url, "any-key-at-all") == 200


def test_a_port_in_use_is_said_and_the_database_left_alone(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = start("--port", str(port), wait=False)
        assert second.process.wait(30) == 2
    assert f"port {port} of 127.0.0.1 is in use" in second.said()
    assert "--port" in second.said()
    assert "Traceback" not in second.said()
    assert not (tmp_path / "outworx.db").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--database", "mysql://localhost/x"), 2, "mysql"),
        (("--database", "sqlite:////nowhere/at/all/outworx.db"), 2, "/nowhere/at/all"),
        (("--api-key", "short"), 2, "--api-key must be 8 to 512"),
        (("--api-key", ""), 2, "--api-key is empty"),
        (("--host", "192.0.2.1"), 2, "no address of this machine"),
        (("--host", "name.invalid"), 2, "--host name.invalid"),
        (("--relay-port", "70000"), 2, "--relay-port 70000"),
        (("--relay-url", "https://x.example"), 2, "--relay-port"),
        (("--public-url", "hooks.example.com"), 2, "https://hooks.example.com"),
        (("--public-url", "https://x.example/hooks"), 2, "without a path"),
        (("--max-database-size", "many"), 2, "write 500MiB or 4GiB"),
        (("--retention-days", "0"), 2, "--retention-days"),
        (("--new-key",), 2, "--new-key"),
        (("--trust-proxy", "proxy.internal"), 2, "write 127.0.0.1 or 10.0.0.0/8"),
        (("--trust-proxy", "10.0.0.1/8"), 2, "write 127.0.0.1 or 10.0.0.0/8"),
        (("--database", "postgresql+psycopg://outworx:hunter2@127.0.0.1:1/outworx"), 1, "outworx:***@"),
    ],
)
def test_what_cannot_work_is_said_at_once(arguments: tuple[str, ...], status: int, told: str) -> None:
    ended = invoked("serve", "--port", "0", *arguments)
    assert ended.code == status, ended.err
    assert told in ended.err
    assert "hunter2" not in ended.out + ended.err


def test_a_file_that_is_no_database_is_said(start: Start, tmp_path: Path) -> None:
    (tmp_path / "outworx.db").write_bytes(b"this is a letter, no database" * 100)
    command = start(wait=False)
    assert command.process.wait(30) == 1, command.said()
    assert "Traceback" not in command.said()
    assert "outworx serve: " in command.said()


def test_a_key_is_made_once_and_taken_again_after_a_restart(start: Start, tmp_path: Path) -> None:
    first = start("--host", "0.0.0.0")  # noqa: S104  # what is tested
    key = made_key(first)
    assert first.said().count(key) == 1
    assert (deliveries(first.url), deliveries(first.url, key)) == (401, 200)
    first.end()
    assert key.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("outworx.db*"))

    second = start("--host", "0.0.0.0")  # noqa: S104
    assert "the one that was made and shown on" in second.said()
    assert "owx_" not in second.said()
    assert (deliveries(second.url), deliveries(second.url, key)) == (401, 200)
    second.end()

    third = start("--host", "0.0.0.0", "--new-key")  # noqa: S104
    new = made_key(third)
    assert (deliveries(third.url, key), deliveries(third.url, new)) == (401, 200)


def test_a_server_behind_a_public_address_asks_for_a_key(start: Start) -> None:
    server = start("--public-url", "https://hooks.example.com")
    assert "Dashboard   https://hooks.example.com/" in server.said()
    assert (deliveries(server.url), deliveries(server.url, made_key(server))) == (401, 200)


def test_keys_come_from_options_or_the_servers_own_variable(start: Start) -> None:
    environ = {"OUTWORX_SERVE_API_KEYS": "first-key second-key", "OUTWORX_API_KEY": "the-clients-key"}
    server = start(environ=environ)
    assert "one of the 2 that were given" in server.said()
    assert [deliveries(server.url, key) for key in ("first-key", "second-key", "the-clients-key")] == [
        200,
        200,
        401,
    ]
    assert not {"first-key", "second-key"} & set(server.said().split())


def test_the_clients_key_does_not_become_the_servers(start: Start) -> None:
    server = start(environ={"OUTWORX_API_KEY": "the-clients-key"})
    assert deliveries(server.url) == 200


def test_the_relay_has_a_port_of_its_own_if_asked(start: Start) -> None:
    server = start("--relay-port", "0")
    found = re.search(r"Tunnels +(http://127\.0\.0\.1:\d+)", server.said())
    assert found is not None, server.said()
    opened = httpx.post(f"{server.url}/api/forward/sessions", json={}).json()
    assert opened["ingressUrl"].startswith(f"{found[1]}/t/")
    assert httpx.get(f"{found[1]}/api/deliveries").status_code == 404
    assert httpx.get(f"{server.url}/t/{'0' * 32}").status_code == 404


def test_requests_are_logged_only_when_asked_for(start: Start) -> None:
    quiet = start()
    httpx.get(f"{quiet.url}/healthz")
    quiet.end()
    assert "/healthz" not in quiet.said()
    loud = start("--verbose")
    httpx.get(f"{loud.url}/healthz")
    loud.end()
    assert '"GET /healthz HTTP/1.1" 200' in loud.said()


def test_an_empty_variable_does_not_open_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTWORX_SERVE_API_KEYS", " ")
    ended = invoked("serve", "--port", "0")
    assert ended.code == 2
    assert "OUTWORX_SERVE_API_KEYS is set and empty" in ended.err


@pytest.mark.parametrize(("arguments", "apart"), [((), False), (("--trust-proxy", "127.0.0.1"), True)])
def test_a_callers_own_word_for_its_address_counts_only_behind_a_trusted_proxy(
    start: Start, arguments: tuple[str, ...], apart: bool
) -> None:
    server = start("--api-key", "a-good-key", *arguments)
    wrong = {"Authorization": "Bearer a-wrong-key"}
    statuses = [
        httpx.get(
            f"{server.url}/api/deliveries", headers={**wrong, "X-Forwarded-For": f"10.0.0.{number}"}
        ).status_code
        for number in range(12)
    ]
    assert (429 not in statuses) == apart


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[alerts.streak]\ndelivery = 3\n", "unknown setting 'delivery': did you mean 'deliveries'?"),
        ("[alert]\n", "unknown table 'alert': did you mean 'alerts'?"),
        ("alerts = false\n", "alerts must be a table"),
        ("[alerts\n", "is not valid TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "server.toml"
    if text is not None:
        file.write_text(text)
    ended = invoked("serve", "--port", "0", "--config", file)
    assert ended.code == 2
    assert told in ended.err
    assert "--config" in ended.err
    assert "Traceback" not in ended.err
