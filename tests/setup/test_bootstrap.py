"""What is set up before any request: strictly where code asks for it, else as far as it can be."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.first_set_up import begin_anew

from outworx_otel import ConfigurationError, TrackOptions, init
from outworx_otel.setup import bootstrap
from outworx_otel.setup import runtime as runtimes
from outworx_otel.setup.bootstrap import prepare
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import current


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    begin_anew(monkeypatch)
    # Exporters and exit handlers are the business of the tests that start processes.
    monkeypatch.setattr(bootstrap, "provide", lambda *arguments: ())
    yield
    runtimes.replace(runtimes.Runtime())


BROKEN = {
    "syntax": "[endpoints",
    "option": '[endpoints."/a"]\nprovider = "stripe"\nsignature_secrt = "x"\n',
    "secret": '[endpoints."/a"]\nprovider = "svix"\nsignature_secret = "whsec_***"\n',
    "store": 'idempotency_store = "carrier-pigeon://"\n',
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_code_sets_up_raises_what_is_wrong(broken: str) -> None:
    Path("outworx.toml").write_text(BROKEN[broken])
    with pytest.raises(ConfigurationError):
        init(api_key="ohk_key")
    with pytest.raises(ConfigurationError):
        prepare(strict=True)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_set_up_without_code_never_raises_and_says_it_once(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    Path("outworx.toml").write_text(BROKEN[broken])
    for _ in range(3):
        prepare()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == len(set(errors)) >= 1
    assert not any("whsec_" in error for error in errors)


@pytest.mark.parametrize("broken", ["option", "secret"])
def test_an_endpoint_that_cannot_verify_as_it_was_told_lets_nothing_in(broken: str) -> None:
    Path("outworx.toml").write_text(BROKEN[broken])
    prepare()
    endpoint = current().find("/a", lambda: None)
    assert endpoint is not None
    assert endpoint.problem
    assert endpoint.verifies
    assert endpoint.options.reject_invalid_signatures


def test_a_broken_file_leaves_what_the_environment_and_code_say(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("outworx.toml").write_text(BROKEN["syntax"])
    monkeypatch.setenv("OUTWORX_ROUTES", "/b=github")
    prepare(endpoints={"/c": TrackOptions("slack")})
    assert set(current().endpoints) == {"/b", "/c"}


def test_what_was_said_before_stays_said() -> None:
    prepare(endpoints={"/a": TrackOptions("stripe")})
    init(endpoints={"/b": {"provider": "github"}}, detect=False)
    prepare()
    assert {pattern: endpoint.options.provider for pattern, endpoint in current().endpoints.items()} == {
        "/a": "stripe",
        "/b": "github",
    }
    assert current().detect is False


def test_initialising_twice_is_harmless() -> None:
    for _ in range(2):
        init(api_key="ohk_key", endpoints={"/a": TrackOptions("stripe")})
    assert list(current().endpoints) == ["/a"]


@pytest.mark.parametrize("key", ["", "  ", "two words", "tab\tinside", "schl\xfcssel", "line\nbreak"])
def test_a_key_that_cannot_stand_in_a_header_is_an_error_at_once(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        init(api_key=key)
    assert key.strip() == "" or key not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "smtp"}, "protocol"),
        ({"timeout": 0}, "timeout"),
        ({"endpoint": "hooks.outworx.io"}, "endpoint"),
        ({"endpoints": {"a": TrackOptions("x")}}, "must begin with /"),
        ({"endpoints": {"/a": "stripe"}}, "must be a mapping"),
        ({"endpoints": {"/a": {"provider": "x", "providr": "y"}}}, "did you mean 'provider'"),
        ({"idempotency_store": "carrier-pigeon://"}, "carrier-pigeon"),
    ],
)
def test_a_wrong_argument_names_itself(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        init(**{"api_key": "ohk_key", **arguments})


def test_debugging_says_each_endpoint_and_never_its_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "outworx_otel")
    init(
        api_key="ohk_key",
        debug=True,
        endpoints={"/a": TrackOptions("stripe", signature_secret=b"s3cr3t", idempotency_key=True)},
    )
    logging.getLogger("outworx_otel").setLevel(logging.NOTSET)
    assert "endpoint /a: provider=stripe" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert "ohk_key" not in caplog.text


@pytest.mark.parametrize("name", ["endpoint", "endponts", "tracer_providers", "server_request_hook", "zzz"])
def test_a_misspelt_argument_is_an_error_that_suggests_the_nearest(name: str) -> None:
    from outworx_otel import instrument, uninstrument
    from outworx_otel.integrations.flask import FlaskInstrumentor

    near = "known are" if name == "zzz" else "did you mean"
    given = {name: {"/a": {"provider": "stripe"}}}
    try:
        for call in (
            lambda: instrument(**given),  # type: ignore[arg-type]
            lambda: FlaskInstrumentor.instrument_app(object(), **given),  # type: ignore[arg-type]
            lambda: prepare(**given),  # type: ignore[arg-type]
        ):
            with pytest.raises(ConfigurationError, match=f"unknown argument '{name}': {near}"):
                call()
    finally:
        uninstrument()


def test_what_opentelemetry_passes_to_every_instrumentor_is_taken() -> None:
    hook = print
    prepare(
        logger_provider=None,
        skip_dep_check=True,
        request_hook=hook,
        response_hook=hook,
        excluded_urls="health,ping",
    )
    runtime = current()
    assert runtime.request_hook is runtime.response_hook is hook
    assert runtime.excluded_urls.url_disabled("/health")
    bootstrap.reset()
    assert current().request_hook is current().excluded_urls is None


@pytest.mark.parametrize("given", [{"request_hook": 5}, {"response_hook": "f"}, {"excluded_urls": "("}])
def test_a_hook_or_pattern_that_is_no_use_names_itself(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(given))):
        prepare(**given)


def test_a_store_may_be_given_as_it_is() -> None:
    from outworx_otel.idempotency import MemoryStore

    store = MemoryStore()
    init(api_key="ohk_key", idempotency_store=store)
    prepare()
    assert current().store is store
    with pytest.raises(ConfigurationError, match="idempotency_store"):
        init(api_key="ohk_key", idempotency_store=object())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "key", [{"OUTWORX_API_KEY": "ohk_key"}, {"OUTWORX_HOOKS_ENDPOINT": "http://127.0.0.1:9"}, {}]
)
def test_an_adapter_mounted_by_hand_finds_all_variables_without_init(
    key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[Any] = []
    monkeypatch.setattr(bootstrap, "provide", lambda destination, *others: exported.append(destination) or ())
    given = {"OUTWORX_IDEMPOTENCY_STORE": "sqlite:///keys.db", "OUTWORX_DETECT": "off", **key}
    given |= {"OUTWORX_ROUTES": "/a=stripe", "OUTWORX_SECRET_STRIPE": "whsec_abc", "OUTWORX_HOOKS_DEBUG": "1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for _ in range(3):
        bootstrap.ensure_ready()
    logging.getLogger("outworx_otel").setLevel(logging.NOTSET)
    runtime = current()
    assert "sqlite" in str(runtime.store).lower()
    assert (runtime.detect, runtime.debug, list(runtime.endpoints)) == (False, True, ["/a"])
    # With the first delivery: an application may make its provider later than it mounts the adapter.
    assert exported == []
    for _ in range(3):
        runtime.delivery_begins()
    assert len(exported) == bool(key)


def test_an_adapter_mounted_by_hand_is_never_stopped_by_what_is_wrong(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Path("outworx.toml").write_text(BROKEN["secret"])
    os.environ["OUTWORX_API_KEY"] = "two words"
    try:
        bootstrap.ensure_ready()
    finally:
        del os.environ["OUTWORX_API_KEY"]
    assert current().endpoints["/a"].problem
    assert "two words" not in caplog.text
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 2


def test_what_was_found_is_said_once_and_again_when_it_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "whsec_abc")
    Path("outworx.toml").write_text(
        '[endpoints."/a"]\nprovider = "stripe"\nsignature_secret_env = "SHOP"\n[endpoints."/b"]\nprovider = "slack"\n'
    )
    for _ in range(3):
        prepare()
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        f"configuration {Path.cwd()}/outworx.toml; 2 endpoints by path, 1 verified, 1 NOT VERIFIED (/b)"
        in line
    )
    prepare(endpoints={"/c": TrackOptions("x")})
    (line,) = capsys.readouterr().err.splitlines()
    assert "3 endpoints by path, 1 verified, 2 NOT VERIFIED (/b, /c)" in line
    assert line.startswith("outworx: ")


def test_the_line_is_logged_where_the_log_shows_it_and_is_on_stderr_where_not(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.INFO, "outworx_otel"):
        prepare()
    assert "outworx: no configuration file" in caplog.text
    monkeypatch.setenv("OUTWORX_HOOKS_QUIET", "1")
    prepare(endpoints={"/c": TrackOptions("x")})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("word", ["reprot", "off", "true"])
def test_another_word_for_enforcement_names_the_values_and_refuses_as_usual(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_ENFORCE", word)
    with pytest.raises(ConfigurationError, match="OUTWORX_ENFORCE must be on or report"):
        prepare(strict=True)
    assert Endpoint(TrackOptions("stripe", signature_secret="x"), "code").rejects  # noqa: S106


def test_an_endpoint_that_is_never_marked_says_once_what_that_costs(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(TrackOptions("stripe", idempotency_key=True, require_processing_mark=True), "code")
    for _ in range(19):
        endpoint.note_marked(False)
    endpoint.note_marked(True)
    for _ in range(19):
        endpoint.note_marked(False)
    assert caplog.records == []
    for _ in range(50):
        endpoint.note_marked(False)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for words in ("silent drop", "track.processed()", "duplicates run again", "require_processing_mark"):
        assert words in record.getMessage()


def test_an_adapter_says_what_it_guards_in_the_line_at_start_or_after_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "whsec_abc")
    guarded = Endpoint(
        TrackOptions.from_mapping({"provider": "stripe", "signature_secret_env": "SHOP"}, "x"), "code"
    )
    closed = Endpoint(
        TrackOptions.from_mapping({"provider": "slack", "signature_secret_env": "UNSET"}, "x"),
        "code",
        quiet=True,
    )
    for _ in range(2):
        bootstrap.ensure_ready()
        bootstrap.say_mounted("the adapter", {"at /a": guarded})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "outworx: no configuration file; 0 endpoints by path; stripe at /a verified (the adapter); "
    )

    bootstrap.say_mounted(
        "another", {"at every path": closed, "at /b": Endpoint(TrackOptions("github"), "code")}
    )

    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "outworx: slack at every path closed until its configuration is put right, github at /b NOT VERIFIED "
        "(another)"
    )
