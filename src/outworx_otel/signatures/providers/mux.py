"""Mux."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mux",
        title="Mux",
        signature_header="mux-signature",
        layout="pairs",
        timestamp_field="t",
        message="{timestamp}.{body}",
        tolerance=300,
        window="past",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("mux-signature",),
        source="https://www.npmjs.com/package/@mux/mux-node",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "video.asset.ready": {
                "type": "video.asset.ready",
                "id": "${uuid:event}",
                "created_at": "${iso_ms}",
                "object": {"type": "asset", "id": "${alnum:asset}"},
                "environment": {"name": "Development", "id": "${lower8:environment}"},
                "data": {"id": "${alnum:asset}", "status": "ready", "duration": 23.9},
            }
        },
    ),
)
