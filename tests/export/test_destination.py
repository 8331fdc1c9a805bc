"""Keys, endpoints and variables: what is accepted, what is mended, what is an error at once."""

from __future__ import annotations

import base64
import logging

import pytest

from outworx_otel.errors import ConfigurationError
from outworx_otel.export import DEFAULT_ENDPOINT, Destination

KEY = "ohk_5f3a9c"


def test_defaults_are_the_documented_ones() -> None:
    destination = Destination()
    assert destination.endpoint == DEFAULT_ENDPOINT == "https://hooks.outworx.io/api/ingest"
    assert (destination.timeout, destination.protocol, destination.api_key) == (3000, "auto", None)
    assert destination.traces_url == f"{DEFAULT_ENDPOINT}/v1/traces"
    assert destination.metrics_url == f"{DEFAULT_ENDPOINT}/v1/metrics"
    assert destination.events_url == DEFAULT_ENDPOINT


@pytest.mark.parametrize("key", [f" {KEY}\n", f'"{KEY}"', f"'{KEY}'", f' " {KEY} " ', f"\"'{KEY}'\""])
def test_white_space_and_quotes_round_a_key_are_stripped_with_a_warning(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Destination(api_key=key).api_key == KEY
    assert "stripped" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "key", ["", "  ", '""', "' '", "a b", "a\nb", "a\tb", "clé", "ohk_\u200b1", "k\x00", "\x7f"]
)
def test_a_key_that_cannot_stand_in_a_header_is_an_error_that_says_what_to_do(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"api_key (is empty: pass|contains .* copy the key again)"):
        Destination(api_key=key)


def test_the_error_about_a_key_does_not_contain_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Destination(api_key="sk_live_very secret")
    assert "secret" not in str(caught.value)


def test_the_key_is_not_in_the_repr() -> None:
    assert KEY not in repr(Destination(api_key=KEY))


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "hooks.outworx.io",
        "ftp://x",
        "http://",
        "http://x:port",
        "http://x:99999",
        "http://ho st/",
        "https://é.example",
        "http://x/\r\na",
    ],
)
def test_an_endpoint_must_be_an_http_url(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint must be an http"):
        Destination(endpoint=endpoint)


def test_a_user_and_a_query_go_with_each_request_and_are_not_shown() -> None:
    destination = Destination(endpoint="https://user:p%40ssword@host/base/?token=hidden")

    assert destination.endpoint == "https://host/base"
    assert destination.traces_url == "https://host/base/v1/traces?token=hidden"
    assert destination.metrics_url == "https://host/base/v1/metrics?token=hidden"
    assert destination.events_url == "https://host/base?token=hidden"
    assert destination.authorization() == "Basic " + base64.b64encode(b"user:p@ssword").decode()
    assert "ssword" not in repr(destination)
    assert "hidden" not in repr(destination)
    assert destination.fingerprint != Destination(endpoint="https://other@host/base?token=hidden").fingerprint


def test_the_standard_endpoint_may_hold_a_user_and_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:word@collector.example/?a=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://m:word@metrics.example/m?b=2")

    destination = Destination.from_environment()

    assert destination.traces_url == "https://collector.example/v1/traces?a=1"
    assert destination.metrics_url == "https://metrics.example/m?b=2"
    assert destination.authorization() == "Basic " + base64.b64encode(b"user:word").decode()
    assert destination.authorization("metrics") == "Basic " + base64.b64encode(b"m:word").decode()


def test_a_user_and_a_key_are_one_too_many() -> None:
    with pytest.raises(ConfigurationError, match="one Authorization") as raised:
        Destination(endpoint="https://user:pa55word@host/", api_key=KEY)
    assert "pa55word" not in str(raised.value)
    with pytest.raises(ConfigurationError, match="fragment"):
        Destination(endpoint="https://host/#part")


def test_a_signal_path_is_taken_off_the_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    destination = Destination(endpoint=" https://host/base/v1/traces/ ")
    assert destination.endpoint == "https://host/base"
    assert "base URL" in caplog.text


@pytest.mark.parametrize("timeout", [0, -1, True, "3000"])
def test_a_timeout_is_a_positive_number_of_milliseconds(timeout: object) -> None:
    with pytest.raises(ConfigurationError, match="milliseconds"):
        Destination(timeout=timeout)  # type: ignore[arg-type] # what a caller without a checker may pass


def test_an_unknown_protocol_names_argument_and_variable() -> None:
    with pytest.raises(ConfigurationError, match="OUTWORX_PROTOCOL"):
        Destination.from_environment(environ={"OUTWORX_HOOKS_PROTOCOL": "grpc"})


def test_the_environment_fills_in_and_arguments_win() -> None:
    environ = {
        "OUTWORX_HOOKS_API_KEY": "the older name's",
        "OUTWORX_API_KEY": KEY,
        "OUTWORX_HOOKS_ENDPOINT": "http://localhost:4318/",
        "OUTWORX_HOOKS_PROTOCOL": "Events",
        "OUTWORX_HOOKS_DEBUG": "true",
    }
    found = Destination.from_environment(environ=environ)
    assert (found.api_key, found.endpoint, found.protocol, found.debug) == (
        KEY,
        "http://localhost:4318",
        "events",
        True,
    )
    given = Destination.from_environment(
        "mine", "https://me.example", protocol="otlp", debug=False, timeout=10, environ=environ
    )
    assert (given.api_key, given.endpoint, given.protocol, given.debug, given.timeout) == (
        "mine",
        "https://me.example",
        "otlp",
        False,
        10,
    )


def test_the_second_key_variable_is_read_and_an_empty_one_counts_as_unset() -> None:
    environ = {"OUTWORX_HOOKS_API_KEY": "", "OUTWORX_API_KEY": KEY}
    assert Destination.from_environment(environ=environ).api_key == KEY
    with pytest.raises(ConfigurationError, match="empty"):
        Destination.from_environment("", environ=environ)


def test_without_key_and_endpoint_the_standard_variables_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Destination.from_environment(environ={}).traces_url == "http://localhost:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces.example/custom")
    standard = Destination.from_environment()
    assert standard.standard
    assert standard.traces_url == "https://traces.example/custom"
    assert standard.metrics_url == "https://collector.example/v1/metrics"
    ours = Destination.from_environment(KEY)
    assert not ours.standard
    assert ours.traces_url == f"{DEFAULT_ENDPOINT}/v1/traces"


def test_nothing_is_logged_about_a_good_destination(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Destination(api_key=KEY)
    assert caplog.text == ""
