"""Mailtrap."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mailtrap",
        title="Mailtrap",
        signature_header="mailtrap-signature",
        detection_headers=("mailtrap-signature",),
        source="https://www.npmjs.com/package/mailtrap",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "delivery": {
                "events": [
                    {
                        "event": "delivery",
                        "event_id": "${uuid:event}",
                        "message_id": "${uuid:message}",
                        "email": "nora@example.com",
                        "timestamp": "${unix}",
                    }
                ]
            }
        },
    ),
)
