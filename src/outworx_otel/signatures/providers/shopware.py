"""Shopware."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="shopware",
        title="Shopware",
        signature_header="shopware-shop-signature",
        event_id="body.source.eventId",
        event_type="body.data.event",
        detection_headers=("shopware-shop-signature",),
        note="For what an app receives by POST; the secret is the shop's.",
        source="https://www.npmjs.com/package/@shopware-ag/app-server-sdk",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "product.written": {
                "data": {
                    "payload": [{"entity": "product", "operation": "insert", "primaryKey": "${hex:product}"}],
                    "event": "product.written",
                },
                "source": {
                    "url": "https://shop.example.com",
                    "shopId": "${alnum16:shop}",
                    "eventId": "${hex:delivery}",
                },
                "timestamp": "${unix}",
            }
        },
    ),
)
