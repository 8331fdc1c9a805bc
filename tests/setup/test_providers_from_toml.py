"""Providers that a user describes in `outworx.toml`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.first_set_up import begin_anew

import outworx_otel
from outworx_otel import ConfigurationError
from outworx_otel.setup import runtime as runtimes
from outworx_otel.signatures import DETECTION_HEADERS, providers, verify


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begin_anew(monkeypatch)


@pytest.fixture(autouse=True)
def _uninstrumented() -> Iterator[None]:
    yield
    outworx_otel.uninstrument()


def configure(text: str) -> None:
    Path("outworx.toml").write_text(text)
    outworx_otel.instrument()


@pytest.mark.parametrize("name", ["hearsay", "github", "acme_pay"])
def test_what_a_file_registered_is_gone_after_uninstrumenting(name: str) -> None:
    before, detecting = providers(), dict(DETECTION_HEADERS)
    for _ in range(2):
        configure(
            f'[providers."{name}"]\nsignature_header = "x-other"\ndetection_headers = ["x-other-kind"]\n'
        )
        assert providers() != before
        outworx_otel.instrument()
        outworx_otel.uninstrument()
        outworx_otel.uninstrument()
        assert providers() == before
        assert detecting == DETECTION_HEADERS


def test_a_provider_described_in_the_file_is_verified_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARSAY_SECRET", "their secret")
    configure(
        """
        [providers.hearsay]
        signature_header = "X-Hearsay-Signature"
        prefix = "sha256="
        event_type = "body.kind"
        detection_headers = ["x-hearsay-kind"]

        [endpoints."/hooks/hearsay"]
        provider = "hearsay"
        signature_secret_env = "HEARSAY_SECRET"
        """
    )
    body = b'{"kind": "made"}'
    signature = hmac.new(b"their secret", body, hashlib.sha256).hexdigest()
    headers = {"x-hearsay-signature": f"sha256={signature}"}
    assert verify("hearsay", body, headers, "their secret")
    assert not verify("hearsay", body + b" ", headers, "their secret")
    endpoint = runtimes.current().endpoints["/hooks/hearsay"]
    assert endpoint.verifier is not None
    assert runtimes.current().detect_pairs("POST", [(b"x-hearsay-kind", b"made")]) is not None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('signature_heade = "x-acme"', "did you mean 'signature_header'"),
        ('signature_header = "x-acme"\nencoding = "hexa"', "encoding must be one of"),
        ("prefix = 'v0='", "signature_header"),
    ],
)
def test_a_row_that_cannot_be_used_is_an_error_that_names_the_provider_and_the_key(
    row: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configure(f"[providers.hearsay_broken]\n{row}\n")
    assert "hearsay_broken" in str(raised.value)
    assert said in str(raised.value)
