"""`doctor` tries the hosts of published keys, for the endpoints that need one."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.key_server import KeyServer

from outworx_otel.cli.doctor.configured_secrets import secrets
from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup
from outworx_otel.cli.doctor.published_keys import published_keys

CONFIGURED = """
[endpoints."/hooks/sns"]
provider = "aws_sns"
signature_secret = ["arn:aws:sns:eu-west-1:123456789012:orders", "arn:aws:sns:eu-west-1:123456789012:bills"]

[endpoints."/hooks/stripe"]
provider = "stripe"
signature_secret = "whsec_test"
"""


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfiguredSetup:
    (tmp_path / "outworx.toml").write_text(CONFIGURED)
    monkeypatch.chdir(tmp_path)
    return ConfiguredSetup()


def test_a_host_that_answers_is_ok_whatever_it_says(setup: ConfiguredSetup, key_server: KeyServer) -> None:
    (found,) = published_keys(setup)

    assert (found.status, found.text) == ("ok", "sns.eu-west-1.amazonaws.com can be reached")
    assert key_server.urls == ["https://sns.eu-west-1.amazonaws.com/"]


def test_a_host_that_cannot_be_reached_is_named_with_what_to_do(
    setup: ConfiguredSetup, key_server: KeyServer
) -> None:
    key_server.reachable = False

    (found,) = published_keys(setup)

    assert found.status == "problem"
    assert "sns.eu-west-1.amazonaws.com cannot be reached: connection refused" in found.text
    assert "port 443" in str(found.advice)


def test_a_topic_is_a_secret_that_nobody_doubts(setup: ConfiguredSetup) -> None:
    assert [
        found for found in secrets(setup) if found.status in ("warning", "problem") and "sns" in found.text
    ] == []
