"""PayPal."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64, header_bytes
from outworx_otel.signatures.evidence import all_needed
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.certificates import Digest, fits, key_of_chain
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.timestamps import read_timestamp
from outworx_otel.signatures.wanted_keys import (
    Ask,
    Claim,
    KeyPlace,
    KeyRequest,
    PublishedKeys,
    Verified,
    WantedKey,
)

_PLACE: Final = KeyPlace(
    provider="PayPal",
    hosts=r"api\.(?:sandbox\.)?paypal\.com",
    paths=r"/v1/notifications/certs/[A-Za-z0-9_-]{1,128}",
    lifetime=86_400,
)
_NEEDED: Final = (
    "paypal-transmission-sig",
    "paypal-transmission-id",
    "paypal-transmission-time",
    "paypal-cert-url",
)
_DIGESTS: Final[dict[str, Digest]] = {"SHA256withRSA": "sha256", "SHA1withRSA": "sha1"}


class PayPalTransmissions:
    """The signature covers `id|time|webhook id|CRC-32 of the body`, by a certificate that the request names.

    As PayPal's library does it, https://pypi.org/project/paypalrestsdk/, which does not look where the certificate
    comes from.
    """

    signs_url = False
    signs_body = True
    place = "`paypal-transmission-sig`"
    algorithm = "RSA with SHA-256 or SHA-1, as `paypal-auth-algo` says"
    published_at = (
        "`api.paypal.com` or `api.sandbox.paypal.com`, below `/v1/notifications/certs/` (`paypal-cert-url`); "
        "the certificate's chain, dates and name are checked; kept for 24 h"
    )

    def host(self, settings: str) -> str:
        return "api.paypal.com"

    def settings(self, secret: str) -> str:
        if not secret.isalnum():
            raise ConfigurationError("the secret must be the webhook's id, such as 1JE4291016473214C")
        return secret

    def claim(self, request: SignedRequest, settings: Sequence[str], now: float) -> Claim | Failure:
        texts = all_needed(request.headers, *_NEEDED)
        if isinstance(texts, Failure):
            return texts
        text, transmission, sent, url = texts
        signature = decode_base64(text)
        digest = _DIGESTS.get(request.headers.get("paypal-auth-algo", "SHA256withRSA"))
        if not signature or digest is None:
            return Failure(
                "malformed_header", "Paypal-Transmission-Sig is not base64, or Paypal-Auth-Algo is not known."
            )
        if not _PLACE.allows(url):
            return Failure(
                "malformed_header", "Paypal-Cert-Url is no address of PayPal's; nothing was fetched."
            )
        checksum = zlib.crc32(request.body)
        messages = [header_bytes(f"{transmission}|{sent}|{webhook}|{checksum}") for webhook in settings]

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            for index, message in enumerate(messages):
                if fits(keys[""], digest, message, [signature]):
                    return Verified(index, read_timestamp(sent, "iso8601"))
            return Failure(
                "hmac_mismatch", "The signature does not match: another webhook's id, or a changed body."
            )

        return Claim(WantedKey(_PLACE, url, load=lambda ask: _load(ask, url)), conclude)


def _load(ask: Ask, url: str) -> PublishedKeys:
    return {"": key_of_chain(ask(KeyRequest(url)).body, lambda name: name.endswith(".paypal.com"))}


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="paypal",
        title="PayPal",
        signature_header="paypal-transmission-sig",
        encoding="base64",
        algorithm="rsa-sha256",
        published=PayPalTransmissions(),
        event_id="body.id",
        event_type="body.event_type",
        detection_headers=("paypal-transmission-id",),
        note="The secret is the webhook's id; a CRC-32 is all that binds the body.",
        source="https://pypi.org/project/paypalrestsdk/",
    ),
    source_kind="code",
    signed="`id|time|webhook id|crc32(body)`",
    samples=Samples(
        payloads={
            "PAYMENT.SALE.COMPLETED": {
                "id": "WH-${alnum:event}",
                "event_version": "1.0",
                "create_time": "${iso}",
                "resource_type": "sale",
                "event_type": "PAYMENT.SALE.COMPLETED",
                "summary": "Payment completed for $ 20.0 USD",
                "resource": {
                    "id": "${alnum:sale}",
                    "state": "completed",
                    "amount": {"total": "20.00", "currency": "USD"},
                },
            }
        },
    ),
)
