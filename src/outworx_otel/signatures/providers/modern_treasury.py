"""Modern Treasury."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="modern_treasury",
        title="Modern Treasury",
        signature_header="x-signature",
        event_type="body.event",
        source="https://pypi.org/project/modern-treasury/",
    ),
    source_kind="code",
    samples=Samples(
        headers={"X-Topic": "payment_order"},
        payloads={
            "created": {
                "event": "created",
                "data": {"id": "${uuid:order}", "object": "payment_order", "amount": 4200, "currency": "EUR"},
            }
        },
    ),
)
