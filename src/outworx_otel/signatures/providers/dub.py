"""Dub."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="dub",
        title="Dub",
        signature_header="dub-signature",
        event_id="body.id",
        event_type="body.event",
        detection_headers=("dub-signature",),
        source="https://github.com/dubinc/dub/blob/main/apps/web/lib/webhook/signature.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "lead.created": {
                "id": "evt_${alnum:event}",
                "event": "lead.created",
                "createdAt": "${iso_ms}",
                "data": {"eventName": "Sign up", "customer": {"id": "cus_${alnum:customer}", "name": "Nora"}},
            }
        },
    ),
)
