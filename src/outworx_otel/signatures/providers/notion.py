"""Notion."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
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
    handshakes=(
        Handshake(
            only=frozenset({"verification_token"}),
            challenge="body.verification_token",
            allowed=r"[\x21-\x7e]{8,512}",
            asked=True,
            hands_over="the verification token, which signs every delivery",
            source="https://developers.notion.com/reference/webhooks",
        ),
    ),
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
