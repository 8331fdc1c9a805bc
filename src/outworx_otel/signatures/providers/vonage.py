"""Vonage."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="vonage",
        title="Vonage",
        signature_header="authorization",
        timestamp_field="exp",
        tolerance=0,
        procedure=SignedToken(
            header="authorization",
            word="Bearer",
            issuer="Vonage",
            body_claim="payload_hash",
            empty_unhashed=True,
        ),
        note="The secret is the account's signature secret.",
        source="https://github.com/Vonage/vonage-node-code-snippets",
    ),
    source_kind="code",
    signed="token with a hash of the body",
    samples=Samples(
        payloads={
            "inbound": {
                "channel": "sms",
                "message_uuid": "${uuid:message}",
                "to": "447700900000",
                "from": "447700900001",
                "timestamp": "${iso}",
                "text": "Two pots, please",
                "message_type": "text",
            }
        },
    ),
)
