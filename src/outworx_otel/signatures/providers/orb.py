"""Orb."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="orb",
        title="Orb",
        signature_header="x-orb-signature",
        layout="pairs",
        separator=" ",
        timestamp_header="x-orb-timestamp",
        timestamp_unit="iso8601",
        message="v1:{timestamp}:{body}",
        tolerance=300,
        event_id="body.id",
        event_type="body.type",
        detection_headers=("x-orb-signature",),
        source="https://pypi.org/project/orb-billing/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "customer.created": {
                "id": "${alnum:event}",
                "created_at": "${iso_ms}",
                "type": "customer.created",
                "properties": {},
                "customer": {"id": "${alnum:customer}", "name": "Nora Vale", "currency": "EUR"},
            }
        },
    ),
)
