"""Deliveries of PayPal: whose certificate counts, and where it may come from."""

from __future__ import annotations

import base64
import zlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from support.key_server import Authority, KeyServer, Published, Signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

WEBHOOK = "1JE4291016473214C"
URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
BODY = b'{"id":"WH-1","event_type":"PAYMENT.SALE.COMPLETED"}'
NAME = "messageverificationcerts.paypal.com"


class PayPal:
    """Signs as PayPal does, with a certificate of an authority of the tests' own."""

    def __init__(self, authority: Authority, signer: Signer, name: str = NAME, days: int = 30) -> None:
        self._key = signer.private
        self.chain = authority.issue(signer.private.public_key(), name, days)

    def headers(
        self, body: bytes = BODY, webhook: str = WEBHOOK, url: str = URL, algorithm: str = "SHA256withRSA"
    ) -> dict[str, str]:
        message = f"69cd13f0|2026-11-29T12:00:00Z|{webhook}|{zlib.crc32(body)}".encode()
        digest = hashes.SHA1() if algorithm == "SHA1withRSA" else hashes.SHA256()  # noqa: S303  # PayPal's older way
        signature = self._key.sign(message, padding.PKCS1v15(), digest)
        return {
            "paypal-transmission-id": "69cd13f0",
            "paypal-transmission-time": "2026-11-29T12:00:00Z",
            "paypal-transmission-sig": base64.b64encode(signature).decode(),
            "paypal-cert-url": url,
            "paypal-auth-algo": algorithm,
        }


@pytest.fixture
def paypal(key_server: KeyServer, signer: Signer) -> PayPal:
    return PayPal(key_server.signing, signer)


@pytest.mark.parametrize("algorithm", ["SHA256withRSA", "SHA1withRSA"])
def test_a_delivery_to_the_webhook_is_verified_by_a_certificate_of_paypals(
    key_server: KeyServer, paypal: PayPal, algorithm: str
) -> None:
    key_server.published[URL] = Published(paypal.chain)

    result = verify("paypal", BODY, paypal.headers(algorithm=algorithm), ["OTHER1", WEBHOOK])

    assert (result.valid, result.kind, result.key_index, result.signed_at) == (
        True,
        "verified",
        1,
        1795953600.0,
    )


def test_another_body_or_webhook_is_refused(key_server: KeyServer, paypal: PayPal) -> None:
    key_server.published[URL] = Published(paypal.chain)

    assert verify("paypal", BODY + b" ", paypal.headers(), WEBHOOK).reason == "hmac_mismatch"
    assert verify("paypal", BODY, paypal.headers(), "OTHER1").reason == "hmac_mismatch"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.paypal.com.evil.example/v1/notifications/certs/a",
        "https://evil.example/v1/notifications/certs/a",
        "http://api.paypal.com/v1/notifications/certs/a",
        "https://api.paypal.com:444/v1/notifications/certs/a",
        "https://api.paypal.com@evil.example/v1/notifications/certs/a",
        "https://api.paypal.com/v1/notifications/certs/../../../x",
        "https://api.paypal.com/v1/notifications/certs/a?x=y",
        "https://www.paypal.com/v1/notifications/certs/a",
        "https://10.0.0.1/v1/notifications/certs/a",
    ],
)
def test_no_other_address_is_asked_for_a_certificate(key_server: KeyServer, paypal: PayPal, url: str) -> None:
    result = verify("paypal", BODY, paypal.headers(url=url), WEBHOOK)

    assert result.reason == "malformed_header"
    assert key_server.asked == []


def test_a_certificate_that_no_authority_answers_for_is_no_key(key_server: KeyServer, signer: Signer) -> None:
    stranger = PayPal(Authority(), signer)
    key_server.published[URL] = Published(stranger.chain)

    result = verify("paypal", BODY, stranger.headers(), WEBHOOK)

    assert (result.valid, result.reason) == (False, "key_unavailable")


@pytest.mark.parametrize("name", ["paypal.com.evil.example", "evilpaypal.com", "sns.amazonaws.com"])
def test_a_certificate_of_another_name_is_no_key(key_server: KeyServer, signer: Signer, name: str) -> None:
    other = PayPal(key_server.signing, signer, name)
    key_server.published[URL] = Published(other.chain)

    assert verify("paypal", BODY, other.headers(), WEBHOOK).reason == "key_unavailable"


def test_a_certificate_that_is_over_is_no_key(key_server: KeyServer, signer: Signer) -> None:
    old = PayPal(key_server.signing, signer, days=-1)
    key_server.published[URL] = Published(old.chain)

    assert verify("paypal", BODY, old.headers(), WEBHOOK).reason == "key_unavailable"


@pytest.mark.parametrize("lost", ["paypal-transmission-id", "paypal-transmission-time", "paypal-cert-url"])
def test_a_header_that_was_lost_is_named(key_server: KeyServer, paypal: PayPal, lost: str) -> None:
    headers = {name: value for name, value in paypal.headers().items() if name != lost}

    result = verify("paypal", BODY, headers, WEBHOOK)

    assert result.reason == "missing_header"
    assert lost in str(result.hint).lower()


def test_a_secret_that_is_no_webhooks_id_is_said_at_start() -> None:
    with pytest.raises(ConfigurationError, match="webhook's id"):
        Verifier("paypal", "https://example.com/webhooks/paypal")
