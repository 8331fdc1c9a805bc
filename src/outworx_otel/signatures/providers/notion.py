"""Notion."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="notion",
        title="Notion",
        signature_header="x-notion-signature",
        prefix="sha256=",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("x-notion-signature",),
        note="The secret is the subscription's verification token.",
        source="https://www.npmjs.com/package/@notionhq/client",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "page.created": {
                "id": "${uuid:event}",
                "timestamp": "${iso_ms}",
                "workspace_id": "${uuid:workspace}",
                "subscription_id": "${uuid:subscription}",
                "type": "page.created",
                "entity": {"id": "${uuid:page}", "type": "page"},
                "attempt_number": 1,
            }
        },
    ),
)
