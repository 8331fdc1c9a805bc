"""Shopify."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="shopify",
        title="Shopify",
        signature_header="x-shopify-hmac-sha256",
        encoding="base64",
        event_id="header.x-shopify-webhook-id",
        event_type="header.x-shopify-topic",
        detection_headers=("x-shopify-topic", "x-shopify-hmac-sha256"),
        source="https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    ),
    source_kind="docs",
    other_credentials={"shpat_": "a Shopify access token", "shpca_": "a Shopify access token"},
    gives_up=GivesUp(4 * 3600, "https://shopify.dev/changelog/updates-to-webhook-retry-mechanism"),
    samples=Samples(
        headers={
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": "${event}",
            "X-Shopify-Webhook-Id": "${uuid:delivery}",
            "X-Shopify-Event-Id": "${uuid:event}",
            "X-Shopify-Shop-Domain": "nora-honey.myshopify.com",
            "X-Shopify-API-Version": "2025-07",
            "X-Shopify-Triggered-At": "${iso_ms}",
        },
    ),
)
