"""Dwolla."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="dwolla",
        title="Dwolla",
        signature_header="x-request-signature-sha-256",
        event_id="body.id",
        event_type="body.topic",
        detection_headers=("x-request-signature-sha-256",),
        note="The older X-Request-Signature, of SHA-1, is not taken",
        source="https://developers.dwolla.com/guides/webhooks/validating-webhooks.html",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "customer_transfer_created": {
                "id": "${uuid:event}",
                "resourceId": "${uuid:transfer}",
                "topic": "customer_transfer_created",
                "timestamp": "${iso_ms}",
                "_links": {
                    "self": {"href": "https://api-sandbox.dwolla.com/events/${uuid:event}"},
                    "resource": {"href": "https://api-sandbox.dwolla.com/transfers/${uuid:transfer}"},
                },
                "created": "${iso_ms}",
            }
        },
    ),
)
