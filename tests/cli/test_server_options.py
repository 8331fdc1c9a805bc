"""One variable names the server for every command and for the application."""

from __future__ import annotations

import pytest
from support.commands import invoked
from support.first_set_up import begin_anew
from support.receiver import free_port

from outworx_otel.cli.doctor.configured_setup import destination
from outworx_otel.cli.server_options import server_address
from outworx_otel.errors import ConfigurationError
from outworx_otel.export import Destination
from outworx_otel.setup import bootstrap

CALLS = {"forward": ("3000", "--new"), "replay": ("3f9a6c0de1b24785", "--to", "3000")}


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OUTWORX_ENDPOINT", "OUTWORX_HOOKS_ENDPOINT", "OUTWORX_API_KEY", "OUTWORX_HOOKS_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", ["OUTWORX_ENDPOINT", "OUTWORX_HOOKS_ENDPOINT"])
@pytest.mark.parametrize("command", CALLS)
def test_a_command_calls_the_server_that_the_variable_names(
    command: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    # As an application may have it.
    monkeypatch.setenv(variable, f"{address}/api/ingest")

    done = invoked(command, *CALLS[command])

    assert done.code == 1
    assert address in done.err
    assert "/api/ingest" not in done.err
    assert "`outworx serve`" in done.err
    assert "OUTWORX_ENDPOINT" in done.err
    assert Destination.from_environment().endpoint == f"{address}/api/ingest"


def test_where_both_names_are_set_everything_takes_the_newer_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OUTWORX_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", "http://127.0.0.1:2")
    monkeypatch.setenv("OUTWORX_API_KEY", "ohk_1")
    monkeypatch.setenv("OUTWORX_HOOKS_API_KEY", "ohk_2")
    begin_anew(monkeypatch)
    differ = "OUTWORX_ENDPOINT and OUTWORX_HOOKS_ENDPOINT differ; OUTWORX_ENDPOINT is taken"

    command = invoked("forward", "3000", "--new")
    application = Destination.from_environment()
    said = [result.text for result in destination() if result.status == "warning"]
    for _ in range(2):
        bootstrap.prepare()

    assert "http://127.0.0.1:1 cannot be reached" in command.err
    assert command.err.count(differ) == 1
    assert (application.endpoint, application.api_key) == ("http://127.0.0.1:1", "ohk_1")
    assert differ in said
    assert caplog.text.count(differ) == 1


def test_of_two_names_that_agree_or_are_not_needed_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTWORX_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", " http://127.0.0.1:1")
    agreeing = invoked("forward", "3000", "--new")
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", "http://127.0.0.1:2")
    overridden = invoked("forward", "3000", "--new", "--endpoint", "http://127.0.0.1:1")

    assert "differ" not in agreeing.err + overridden.err
    assert "http://127.0.0.1:1 cannot be reached" in agreeing.err
    assert "http://127.0.0.1:1 cannot be reached" in overridden.err


def test_without_any_forward_wants_a_key_of_the_hosted_server_and_names_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = invoked("forward", "3000", "--new")

    assert done.code == 2
    assert "https://hooks.outworx.io" in done.err
    assert "`outworx serve`" in done.err
    assert "OUTWORX_ENDPOINT=http://127.0.0.1:4318" in done.err


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://hooks.outworx.io", "https://hooks.outworx.io"),
        ("https://hooks.outworx.io/api/ingest", "https://hooks.outworx.io"),
        ("https://hooks.outworx.io/api/ingest/v1/traces", "https://hooks.outworx.io"),
        ("http://localhost:4318/v1/traces/", "http://localhost:4318"),
        (" https://example.com/hooks/ ", "https://example.com/hooks"),
        ("localhost:8080", "http://localhost:8080"),
        ("4318", "http://localhost:4318"),
        ("[::1]:4318", "http://[::1]:4318"),
    ],
)
def test_an_address_is_the_servers_whatever_is_below_it(given: str, address: str) -> None:
    assert server_address(given) == address


@pytest.mark.parametrize(
    "given", ["ftp://x", "http://", "http://u:p@x", "http://x?a=1", "http://x:99999", ""]
)
def test_what_is_no_address_is_an_error_that_names_the_variable(given: str) -> None:
    with pytest.raises(ConfigurationError, match="OUTWORX_ENDPOINT"):
        server_address(given)


def test_a_host_and_a_port_do_for_an_application_as_for_a_command() -> None:
    found = Destination.from_environment(environ={"OUTWORX_ENDPOINT": "localhost:4318"})

    assert found.traces_url == "http://localhost:4318/v1/traces"
    with pytest.raises(ConfigurationError, match="OUTWORX_ENDPOINT"):
        # A key in the wrong place.
        Destination.from_environment(environ={"OUTWORX_ENDPOINT": "ohk_0123456789"})


def test_the_hosted_servers_address_serves_an_application_too() -> None:
    environ = {"OUTWORX_ENDPOINT": "https://hooks.outworx.io/", "OUTWORX_API_KEY": "ohk_1"}

    found = Destination.from_environment(environ=environ)

    assert found.traces_url == "https://hooks.outworx.io/api/ingest/v1/traces"
    assert found.api_key == "ohk_1"
