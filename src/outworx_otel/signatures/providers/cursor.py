"""Cursor."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="cursor",
        title="Cursor",
        signature_header="x-webhook-signature",
        prefix="sha256=",
        event_id="header.x-webhook-id",
        event_type="header.x-webhook-event",
        source="https://docs.cursor.com/en/background-agent/api/webhooks",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "X-Webhook-ID": "${uuid:delivery}",
            "X-Webhook-Event": "${event}",
            "User-Agent": "Cursor-Agent-Webhook/1.0",
        },
        payloads={
            "statusChange": {
                "event": "statusChange",
                "timestamp": "${iso}",
                "id": "bc_${alnum:agent}",
                "status": "FINISHED",
                "source": {"repository": "https://github.com/acme/shop", "ref": "main"},
                "summary": "Added a README",
            }
        },
    ),
)
