"""Lemon Squeezy."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="lemon_squeezy",
        title="Lemon Squeezy",
        signature_header="x-signature",
        event_type="body.meta.event_name",
        source="https://github.com/lmsqueezy/nextjs-billing/blob/main/src/app/api/webhook/route.ts",
    ),
    source_kind="code",
    samples=Samples(
        headers={"X-Event-Name": "${event}"},
        payloads={
            "order_created": {
                "meta": {"event_name": "order_created", "test_mode": True},
                "data": {
                    "type": "orders",
                    "id": "${digits:order}",
                    "attributes": {"status": "paid", "total": 4200, "currency": "EUR"},
                },
            }
        },
    ),
)
