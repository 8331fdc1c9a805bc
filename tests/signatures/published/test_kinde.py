"""Deliveries of Kinde: the body is a token, by a key at the business's own domain."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from support.key_server import KeyServer, Signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

from .own_domain import DOMAIN, NOW, URL, publish

CLAIMS = {"type": "user.created", "event_id": "event_1", "iat": NOW - 5, "iss": "https://evil.example"}


def body(signer: Signer, kid: str = "k1", algorithm: str = "RS256", **claims: Any) -> bytes:
    """What Kinde sends."""
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(told, signer.private, algorithm, headers={"kid": kid}).encode()


def test_a_delivery_is_verified_by_the_key_set_at_the_configured_domain_whatever_its_issuer(
    key_server: KeyServer, signer: Signer
) -> None:
    publish(key_server, k1=signer)

    result = verify("kinde", body(signer), {}, DOMAIN, now=NOW)

    assert (result.valid, result.kind, result.signed_at) == (True, "verified", NOW - 5)
    assert key_server.urls == [URL]


def test_of_several_domains_the_issuer_chooses(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, k1=signer)

    result = verify(
        "kinde", body(signer, iss=DOMAIN), {}, ["https://login.botframework.com", DOMAIN], now=NOW
    )

    assert (result.valid, result.key_index) == (True, 1)
    assert key_server.urls == [URL]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda one, _: b"x" + body(one), "malformed_header"),
        (lambda _, other: body(other), "hmac_mismatch"),
        (lambda one, _: body(one, kid="k2"), "hmac_mismatch"),
        (lambda one, _: body(one, algorithm="RS512"), "malformed_header"),
        # What the business's users have.
        (lambda one, _: body(one, event_id=None), "malformed_header"),
        (lambda one, _: body(one, type=None), "malformed_header"),
        (lambda one, _: body(one, exp=NOW - 1), "timestamp_drift"),
        (lambda one, _: body(one, nbf=NOW + 1), "timestamp_drift"),
        (lambda one, _: b'{"type":"user.created"}', "malformed_header"),
        (lambda one, _: b"", "malformed_header"),
    ],
)
def test_whatever_else_is_refused(
    key_server: KeyServer, signer: Signer, another_signer: Signer, changed: Any, reason: str
) -> None:
    publish(key_server, k1=signer)

    assert verify("kinde", changed(signer, another_signer), {}, DOMAIN, now=NOW).reason == reason


def test_a_token_that_claims_other_things_is_another_token(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, k1=signer)
    head, _, signature = body(signer).split(b".")
    claims = body(signer, event_id="event_2").split(b".")[1]

    assert (
        verify("kinde", b".".join([head, claims, signature]), {}, DOMAIN, now=NOW).reason == "hmac_mismatch"
    )


def test_a_secret_that_is_no_domain_is_said_at_start() -> None:
    with pytest.raises(ConfigurationError, match="your domain at Kinde"):
        Verifier("kinde", "a-secret")
