"""What is set up before any request: strictly where code asks for it, else as far as it can be."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outworx_otel import ConfigurationError, TrackOptions, init
from outworx_otel.setup import bootstrap
from outworx_otel.setup import runtime as runtimes
from outworx_otel.setup.bootstrap import prepare
from outworx_otel.setup.runtime import current


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "_given", bootstrap._Given())
    monkeypatch.setattr(bootstrap, "_said", set())
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


def test_a_broken_file_leaves_what_the_environment_and_code_say() -> None:
    Path("outworx.toml").write_text(BROKEN["syntax"])
    os.environ["OUTWORX_ROUTES"] = "/b=github"
    try:
        prepare(endpoints={"/c": TrackOptions("slack")})
    finally:
        del os.environ["OUTWORX_ROUTES"]
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
