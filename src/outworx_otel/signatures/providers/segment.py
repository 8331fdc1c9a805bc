"""Segment."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="segment",
        title="Segment",
        signature_header="x-signature",
        algorithm="hmac-sha1",
        event_id="body.messageId",
        event_type="body.type",
        note="Of a batch Segment signs the first event alone, so batches are not taken",
        source="https://github.com/segmentio/action-destinations/blob/main/packages/destination-actions/src/destinations/webhook/index.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "track": {
                "type": "track",
                "messageId": "ajs-${hex:message}",
                "event": "Order Completed",
                "userId": "user_1",
                "timestamp": "${iso_ms}",
                "properties": {"revenue": 42},
            }
        },
    ),
)
