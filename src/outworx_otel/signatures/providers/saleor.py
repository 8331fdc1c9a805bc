"""Saleor."""

from __future__ import annotations

from collections.abc import Sequence

from outworx_otel.signatures.encoding import decode_base64url
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.json_body import read_plain_json
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.own_domain import index_of, key_set_at
from outworx_otel.signatures.published.tokens import PublishedToken, signed_by
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.wanted_keys import Claim, PublishedKeys, Verified, WantedKey


class SaleorSignatures:
    """A token without its middle, which is the body as it was sent (RFC 7797), by a key of the shop's own.

    https://www.npmjs.com/package/@saleor/app-sdk, `verifySignatureWithJwks`
    """

    signs_url = False
    signs_body = True
    place = "`saleor-signature`"
    algorithm = "JSON Web Signature, RS256"
    published_at = "`/.well-known/jwks.json` at the domain that you configure; kept for 1 h"

    def host(self, settings: WantedKey) -> str:
        return settings.host

    def settings(self, secret: str) -> WantedKey:
        return key_set_at(secret, "Saleor", "https://shop.saleor.cloud/graphql/")

    def claim(self, request: SignedRequest, settings: Sequence[WantedKey], now: float) -> Claim | Failure:
        text = needed(request.headers, "saleor-signature")
        if isinstance(text, Failure):
            return text
        token = _read(text)
        if token is None:
            return Failure("malformed_header", "Saleor-Signature is no signature of a body by RS256.")
        # Whose shop it is, is the sender's word; it chooses among those that are configured, and no other.
        index = index_of(request.headers.get("saleor-api-url"), settings)

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            return signed_by(token, keys, request.body) or Verified(index)

        return Claim(settings[index].of(token.kid), conclude)


def _read(text: str) -> PublishedToken | None:
    first, _, rest = text.partition(".")
    header = read_plain_json(decode_base64url(first) or b"")
    if not isinstance(header, dict) or not rest.startswith("."):
        return None
    kid, unencoded = header.get("kid"), header.get("b64") is False and header.get("crit") == ["b64"]
    if header.get("alg") != "RS256" or not unencoded:
        return None
    return PublishedToken(text, "RS256", kid if isinstance(kid, str) else None, {})


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="saleor",
        title="Saleor",
        signature_header="saleor-signature",
        encoding="base64url",
        algorithm="rsa-sha256",
        published=SaleorSignatures(),
        event_type="header.saleor-event",
        detection_headers=("saleor-signature",),
        note="The secret is the URL of your Saleor API, or its domain.",
        source="https://www.npmjs.com/package/@saleor/app-sdk",
    ),
    source_kind="code",
    signed="`{body}`",
    samples=Samples(
        headers={"Saleor-Event": "${event}", "Saleor-Api-Url": "https://shop.saleor.cloud/graphql/"},
        payloads={
            "order_created": {
                "__typename": "OrderCreated",
                "order": {"id": "T3JkZXI6${digits:order}", "number": "1001", "status": "UNFULFILLED"},
            }
        },
    ),
)
