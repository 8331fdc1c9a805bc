"""Flagsmith."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="flagsmith",
        title="Flagsmith",
        signature_header="x-flagsmith-signature",
        event_type="body.event_type",
        detection_headers=("x-flagsmith-signature",),
        source="https://github.com/Flagsmith/flagsmith/blob/main/api/core/signing.py",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "FLAG_UPDATED": {
                "event_type": "FLAG_UPDATED",
                "data": {
                    "changed_by": "nora@example.com",
                    "timestamp": "${iso_ms}",
                    "new_state": {"enabled": True, "feature": {"id": "${number:feature}", "name": "heather"}},
                },
            }
        },
    ),
)
