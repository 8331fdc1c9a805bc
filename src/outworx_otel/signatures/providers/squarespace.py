"""Squarespace."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="squarespace",
        title="Squarespace",
        signature_header="squarespace-signature",
        key="hex",
        event_id="body.id",
        event_type="body.topic",
        detection_headers=("squarespace-signature",),
        source="https://developers.squarespace.com/webhooks/verifying-notifications",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "order.create": {
                "id": "${uuid:event}",
                "websiteId": "${hex24:website}",
                "subscriptionId": "${uuid:subscription}",
                "topic": "order.create",
                "createdOn": "${iso_ms}",
                "data": {"orderId": "${hex24:order}"},
            }
        },
    ),
)
