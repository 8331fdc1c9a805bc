"""MessageBird."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken, hashed_url

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="messagebird",
        title="MessageBird",
        signature_header="messagebird-signature-jwt",
        timestamp_field="exp",
        algorithm="hmac-sha256-384-512",
        tolerance=1,
        detection_headers=("messagebird-signature-jwt",),
        procedure=SignedToken(
            header="messagebird-signature-jwt",
            algorithms=("HS256", "HS384", "HS512"),
            issuer="MessageBird",
            needs=("nbf", "exp"),
            body_claim="payload_hash",
            empty_unhashed=True,
            url_claim="url_hash",
            url_value=hashed_url,
        ),
        note="The secret is the signing key of the developer settings.",
        source="https://pypi.org/project/messagebird/",
    ),
    source_kind="code",
    signed="token with hashes of the URL and the body",
    samples=Samples(
        payloads={"message.created": {"type": "message.created", "message": {"id": "${hex:message}"}}},
    ),
)
