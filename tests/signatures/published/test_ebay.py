"""Notifications of eBay: a key by its id, asked for with a token that is asked for with one's own credentials."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.key_server import Asked, KeyServer, Published

from outworx_otel.signatures import verify

KID = "9936261a-7d7b-4621-a0f1-96ccb428af49"
TOKENS = "https://api.ebay.com/identity/v1/oauth2/token"
KEYS = f"https://api.ebay.com/commerce/notification/v1/public_key/{KID}"
SECRET = json.dumps({"client_id": "shop-app", "client_secret": "an-ebay-secret"})
BODY = '{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION"},"notification":{"notificationId":"n","x":"ü"}}'.encode()
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def headers(body: bytes = BODY, kid: Any = KID, private: Any = PRIVATE) -> dict[str, str]:
    """What eBay sends with this body."""
    signature = b64encode(private.sign(body, ec.ECDSA(hashes.SHA1()))).decode()  # noqa: S303  # as eBay does
    told = {"alg": "ECDSA", "kid": kid, "signature": signature, "digest": "SHA1"}
    return {"X-EBAY-SIGNATURE": b64encode(json.dumps(told).encode()).decode()}


def document(private: Any = PRIVATE) -> bytes:
    """What its server answers: PEM in one line."""
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return json.dumps({"key": pem.replace("\n", ""), "algorithm": "ECDSA", "digest": "SHA1"}).encode()


@pytest.fixture
def ebay(key_server: KeyServer) -> KeyServer:
    """eBay's two calls, each with its proof of who asks."""

    def token(asked: Asked) -> Published:
        good = asked.headers["authorization"] == "Basic " + b64encode(b"shop-app:an-ebay-secret").decode()
        return Published(b'{"access_token":"t0ken"}') if good else Published(b"{}", 401)

    def key(asked: Asked) -> Published:
        return (
            Published(document())
            if asked.headers["authorization"] == "Bearer t0ken"
            else Published(b"{}", 403)
        )

    key_server.published = {TOKENS: token, KEYS: key}
    return key_server


def test_a_notification_is_verified_by_the_key_of_its_id(ebay: KeyServer) -> None:
    result = verify("ebay", BODY, headers(), SECRET)

    assert (result.valid, result.kind) == (True, "verified")
    assert ebay.urls == [TOKENS, KEYS]
    assert verify("ebay", BODY, headers(), SECRET)
    assert len(ebay.asked) == 2


def test_a_body_that_was_written_with_spaces_is_checked_as_ebays_library_writes_it(ebay: KeyServer) -> None:
    spaced = json.dumps(json.loads(BODY), indent=2).encode()

    assert verify("ebay", spaced, headers(), SECRET)
    twice = spaced.replace(b'"metadata"', b'"notification": {}, "metadata"', 1)
    assert verify("ebay", twice, headers(), SECRET).reason == "hmac_mismatch"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda: headers(BODY + b" "), "hmac_mismatch"),
        (lambda: headers(private=ec.generate_private_key(ec.SECP256R1())), "hmac_mismatch"),
        (lambda: headers(kid="../../identity"), "malformed_header"),
        (lambda: headers(kid=None), "malformed_header"),
        (lambda: {"x-ebay-signature": "e30="}, "malformed_header"),
        (lambda: {"x-ebay-signature": "W10="}, "malformed_header"),
        (lambda: {"x-ebay-signature": "hello"}, "malformed_header"),
        (lambda: {"x-ebay-signature": ""}, "malformed_header"),
        (lambda: {}, "missing_header"),
    ],
)
def test_whatever_else_is_refused(ebay: KeyServer, changed: Any, reason: str) -> None:
    assert verify("ebay", BODY, changed(), SECRET).reason == reason


def test_wrong_credentials_leave_no_key_and_are_not_shown(ebay: KeyServer) -> None:
    result = verify(
        "ebay",
        BODY,
        headers(),
        '{"clientId": "shop-app", "clientSecret": "a-wrong-one", "env": "production"}',
    )

    assert result.reason == "key_unavailable"
    assert "api.ebay.com cannot be had: it answered 401" in str(result.hint)
    assert "a-wrong-one" not in str(result.hint)
