"""Pushes of Google Cloud Pub/Sub: whose token it is, for whom, and for how long; and keys that are rotated."""

from __future__ import annotations

from typing import Any

import pytest
from support.key_server import KeyServer, Signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify
from outworx_otel.signatures.published import keyring

from .google import AUDIENCE, BODY, EMAIL, NOW, SECRET, URL, headers, publish


def test_a_push_with_the_service_accounts_token_is_authenticated(
    key_server: KeyServer, signer: Signer
) -> None:
    publish(key_server, k1=signer)

    result = verify(
        "google_pubsub", BODY, headers(signer), ['{"audience": "x", "email": "y"}', SECRET], now=NOW
    )

    assert (result.valid, result.kind, result.key_index, result.signed_at) == (True, "authenticated", 1, NOW)
    assert verify("google_pubsub", BODY, headers(signer, aud=["x", AUDIENCE]), SECRET, now=NOW)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://example.com/others"}, "credentials_mismatch"),
        ({"aud": [AUDIENCE + "/"]}, "credentials_mismatch"),
        ({"aud": None}, "credentials_mismatch"),
        ({"email": "somebody@evil.iam.gserviceaccount.com"}, "credentials_mismatch"),
        ({"email_verified": False}, "credentials_mismatch"),
        ({"email_verified": "true"}, "credentials_mismatch"),
        ({"iss": "https://evil.example"}, "credentials_mismatch"),
        ({"exp": NOW - 1}, "timestamp_drift"),
        ({"nbf": NOW + 1}, "timestamp_drift"),
        ({"exp": None}, "malformed_header"),
        ({"exp": "never"}, "malformed_header"),
    ],
)
def test_a_token_that_claims_anything_else_is_refused_and_no_key_is_fetched_for_it(
    key_server: KeyServer, signer: Signer, claims: dict[str, Any], reason: str
) -> None:
    publish(key_server, k1=signer)

    assert verify("google_pubsub", BODY, headers(signer, **claims), SECRET, now=NOW).reason == reason
    assert key_server.asked == []


@pytest.mark.parametrize(
    "value", ["", "Basic dTpw", "Bearer", "Bearer ", "Bearer x", "Bearer " + "x" * 20_000]
)
def test_what_is_no_bearer_token_is_malformed(key_server: KeyServer, value: str) -> None:
    assert (
        verify("google_pubsub", BODY, {"authorization": value}, SECRET, now=NOW).reason == "malformed_header"
    )


def test_a_token_of_a_strangers_key_is_refused(
    key_server: KeyServer, signer: Signer, another_signer: Signer
) -> None:
    publish(key_server, k1=signer)

    assert verify("google_pubsub", BODY, headers(another_signer), SECRET, now=NOW).reason == "hmac_mismatch"
    assert (
        verify("google_pubsub", BODY, headers(another_signer, "k9"), SECRET, now=NOW).reason
        == "hmac_mismatch"
    )


def test_a_key_that_was_rotated_is_found(
    key_server: KeyServer, signer: Signer, another_signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(key_server, k1=signer)
    assert verify("google_pubsub", BODY, headers(signer), SECRET, now=NOW)
    publish(key_server, k1=signer, k2=another_signer)
    assert not verify("google_pubsub", BODY, headers(another_signer, "k2"), SECRET, now=NOW)

    monkeypatch.setattr(keyring, "REFRESH_EVERY", 0.0)
    assert verify("google_pubsub", BODY, headers(another_signer, "k2"), SECRET, now=NOW)
    assert verify("google_pubsub", BODY, headers(signer), SECRET, now=NOW)
    assert key_server.urls == [URL, URL]


@pytest.mark.parametrize("secret", [EMAIL, f'{{"email": "{EMAIL}"}}', '{"audience": "", "email": "x"}'])
def test_a_secret_without_an_audience_or_an_account_is_said_at_start(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="audience"):
        Verifier("google_pubsub", secret)
