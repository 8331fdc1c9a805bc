"""Signatures over something made of the body, and headers that several providers send."""

from __future__ import annotations

import base64
import gzip

import pytest

from outworx_otel.signatures import detect, sign, verify

from .deliveries import BODY
from .vectors import vectors

SECRET = "secret"  # noqa: S105 - made up
FORM = {"content-type": "application/x-www-form-urlencoded"}

# stream-chat 4.33 took this for the delivery of the vector, compressed.
_STREAM_GZIP = (
    "H4sIAAAAAAACA6tWKqksSFWyUspNLS5OTE/Vy0stV9JRSi5KTSxJTYlPLAFKGRkYmekaGAJRiIGBFRjpGRgYRAHVQXUpWVUr"
    "ZaaATDEECpakVoC0ReUfXq3waM5kpdpaADMN/8hmAAAA"
)


def test_what_stream_compressed_is_verified_as_its_library_does_it() -> None:
    (vector,) = vectors()["stream"]
    compressed = base64.b64decode(_STREAM_GZIP)
    assert gzip.decompress(compressed) == vector.body.encode()

    assert verify("stream", compressed, vector.headers, vector.secret)
    assert not verify("stream", gzip.compress(b"another"), vector.headers, vector.secret)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (gzip.compress(b" " * (4 * 1024 * 1024 + 1)), "more than 4 MiB"),
        (gzip.compress(BODY)[:-9], "cut off"),
        (b"\x1f\x8b not gzip", "cannot be inflated"),
    ],
    ids=["too-much", "cut-off", "broken"],
)
def test_what_cannot_be_inflated_within_bounds_is_refused(body: bytes, why: str) -> None:
    result = verify("stream", body, sign("stream", b"another", SECRET), SECRET)

    assert result.reason == "hmac_mismatch"
    assert why in str(result.hint)


@pytest.mark.parametrize("provider", ["gitea", "gogs"])
def test_of_a_form_its_one_field_is_signed(provider: str) -> None:
    headers = {**FORM, **sign(provider, b'{"ref": "\xc3\xa9"}', SECRET)}

    assert verify(provider, b"payload=%7B%22ref%22%3A+%22%C3%A9%22%7D", headers, SECRET)
    for other in (b"payload=%7B%22ref%22%3A+%22%C3%A9%22%7D&more=1", b"load=1", b""):
        assert verify(provider, other, headers, SECRET).reason == "hmac_mismatch"


def test_a_delivery_that_cal_com_did_not_sign_says_what_to_do() -> None:
    result = verify("cal_com", BODY, {"X-Cal-Signature-256": "no-secret-provided"}, SECRET)

    assert result.reason == "missing_header"
    assert "not signed" in str(result.hint)


def test_who_imitates_a_providers_headers_is_asked_first() -> None:
    gitea, _ = vectors()["gitea"]
    (gogs,) = vectors()["gogs"]
    github = {"X-GitHub-Event": "push"}

    # Their order is the sender's, and GitHub's come first.
    assert detect(_lower({**github, **gitea.headers})) == "gitea"
    assert detect(_lower({**github, **gogs.headers})) == "gogs"
    assert detect(_lower(github)) == "github"


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
