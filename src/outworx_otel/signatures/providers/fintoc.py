"""Fintoc."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="fintoc",
        title="Fintoc",
        signature_header="fintoc-signature",
        layout="pairs",
        timestamp_field="t",
        message="{timestamp}.{body}",
        tolerance=300,
        window="past",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("fintoc-signature",),
        source="https://pypi.org/project/fintoc/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "payment_intent.succeeded": {
                "id": "evt_${alnum:event}",
                "type": "payment_intent.succeeded",
                "mode": "test",
                "created_at": "${iso}",
                "data": {
                    "id": "pi_${alnum:intent}",
                    "object": "payment_intent",
                    "amount": 4200,
                    "currency": "CLP",
                },
                "object": "event",
            }
        },
    ),
)
