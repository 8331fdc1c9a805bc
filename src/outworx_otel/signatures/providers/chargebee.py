"""Chargebee."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="chargebee",
        title="Chargebee",
        own_header=False,
        event_id="body.id",
        event_type="body.event_type",
        note="The secret is user:password, as set for the webhook.",
        source="https://www.npmjs.com/package/chargebee",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "customer_created": {
                "id": "ev_${alnum:event}",
                "occurred_at": "${unix}",
                "source": "api",
                "object": "event",
                "api_version": "v2",
                "event_type": "customer_created",
                "webhook_status": "scheduled",
                "content": {
                    "customer": {"id": "${alnum:customer}", "first_name": "Nora", "object": "customer"}
                },
            }
        },
    ),
)
