"""Deliveries of Plaid: a token over the body's hash, and a key that is asked for with one's own credentials."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.key_server import KeyServer, Published

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

from .plaid import BODY, CREDENTIALS, KID, NOW, SECRET, URL, document, headers, publish


def test_a_delivery_is_verified_by_a_key_that_was_asked_for_with_the_credentials(
    key_server: KeyServer,
) -> None:
    publish(key_server)

    result = verify("plaid", BODY, headers(), SECRET, now=NOW + 10)

    assert (result.valid, result.kind, result.signed_at) == (True, "verified", NOW)
    (asked,) = key_server.asked
    assert (asked.method, asked.url) == ("POST", URL)
    assert json.loads(asked.body) == {**CREDENTIALS, "key_id": KID}


def test_the_sandbox_has_keys_of_its_own(key_server: KeyServer) -> None:
    publish(key_server, URL.replace("production", "sandbox"))
    secret = json.dumps({**CREDENTIALS, "environment": "sandbox"})

    assert verify("plaid", BODY, headers(), secret, now=NOW)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda: headers(b"{}"), "hmac_mismatch"),
        (lambda: headers(private=ec.generate_private_key(ec.SECP256R1())), "hmac_mismatch"),
        (lambda: headers(iat=NOW - 301), "timestamp_drift"),
        (lambda: headers(iat=None), "malformed_header"),
        (lambda: headers(request_body_sha256=None), "malformed_header"),
        (lambda: headers(kid="../../x"), "malformed_header"),
        (lambda: headers(private="s" * 32, algorithm="HS256"), "malformed_header"),
        (lambda: {"Plaid-Verification": "a.b.c"}, "malformed_header"),
        (lambda: {"Plaid-Verification": ""}, "malformed_header"),
        (lambda: {}, "missing_header"),
    ],
)
def test_whatever_else_is_refused(key_server: KeyServer, changed: object, reason: str) -> None:
    publish(key_server)

    assert verify("plaid", BODY, changed(), SECRET, now=NOW).reason == reason  # type: ignore[operator]  # a function


def test_a_token_without_a_signature_is_refused(key_server: KeyServer) -> None:
    publish(key_server)
    claims = headers()["Plaid-Verification"].split(".")[1]
    none = jwt.utils.base64url_encode(json.dumps({"alg": "none", "kid": KID}).encode()).decode()

    assert (
        verify("plaid", BODY, {"plaid-verification": f"{none}.{claims}."}, SECRET, now=NOW).reason
        == "malformed_header"
    )


@pytest.mark.parametrize("more", [{"expired_at": NOW}, {"kty": "oct", "k": "c2VjcmV0"}, {"crv": "P-384"}])
def test_a_key_that_has_expired_or_is_of_another_kind_is_none(
    key_server: KeyServer, more: dict[str, object]
) -> None:
    key_server.published[URL] = Published(document(**more))

    assert verify("plaid", BODY, headers(), SECRET, now=NOW).reason == "key_unavailable"


def test_credentials_that_plaid_does_not_take_are_not_shown(key_server: KeyServer) -> None:
    key_server.published[URL] = Published(b'{"error_code": "INVALID_API_KEYS"}', status=400)

    result = verify("plaid", BODY, headers(), SECRET, now=NOW)

    assert result.reason == "key_unavailable"
    assert "it answered 400" in str(result.hint)
    assert CREDENTIALS["secret"] not in str(result.hint)


@pytest.mark.parametrize(
    "secret",
    ["a-plaid-secret", "{}", '{"client_id": "a"}', '{"client_id": "a", "secret": "b", "x": "c"}', "[]"],
)
def test_a_secret_of_another_form_is_said_at_start_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="JSON such as") as raised:
        Verifier("plaid", secret)
    assert "a-plaid-secret" not in str(raised.value)
