"""Creem."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="creem",
        title="Creem",
        signature_header=("creem-signature", "x-creem-signature"),
        event_id="body.id",
        event_type="body.eventType",
        detection_headers=("creem-signature",),
        note="Where webhook-signature comes instead, the provider is standardwebhooks",
        source="https://www.npmjs.com/package/creem",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "checkout.completed": {
                "id": "evt_${alnum:event}",
                "eventType": "checkout.completed",
                "created_at": "${unix_ms}",
                "object": {"id": "ch_${alnum:checkout}", "object": "checkout", "status": "completed"},
            }
        },
    ),
)
