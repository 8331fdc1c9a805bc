"""Customer.io."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="customer_io",
        title="Customer.io",
        signature_header="x-cio-signature",
        timestamp_header="x-cio-timestamp",
        message="v0:{timestamp}:{body}",
        tolerance=300,
        event_id="body.event_id",
        event_type="body.metric",
        detection_headers=("x-cio-signature",),
        note="For reporting webhooks; the secret is their signing key.",
        source="https://docs.customer.io/api/webhooks",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "delivered": {
                "data": {
                    "customer_id": "${alnum:customer}",
                    "delivery_id": "${alnum:delivery}",
                    "subject": "Two pots",
                },
                "event_id": "${upper26:event}",
                "object_type": "email",
                "metric": "delivered",
                "timestamp": "${unix}",
            }
        },
    ),
)
