"""WooCommerce."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="woocommerce",
        title="WooCommerce",
        signature_header="x-wc-webhook-signature",
        encoding="base64",
        event_id="header.x-wc-webhook-delivery-id",
        event_type="header.x-wc-webhook-topic",
        detection_headers=("x-wc-webhook-signature", "x-wc-webhook-topic"),
        note="The secret as its page shows it, without HTML entities",
        source="https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php",
    ),
    source_kind="code",
    handshakes=(
        Handshake(
            only=frozenset({"webhook_id"}),
            absent=("header.x-wc-webhook-signature",),
            challenge="body.webhook_id",
            allowed="[0-9]+",
            source="https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php",
        ),
    ),
    samples=Samples(
        headers={
            "X-WC-Webhook-Source": "https://shop.example.com/",
            "X-WC-Webhook-Topic": "${event}",
            "X-WC-Webhook-Resource": "${kind}",
            "X-WC-Webhook-Event": "updated",
            "X-WC-Webhook-ID": "1",
            "X-WC-Webhook-Delivery-ID": "${hex:delivery}",
        },
        payloads={
            "order.updated": {
                "id": "${number:order}",
                "status": "processing",
                "currency": "EUR",
                "total": "42.00",
                "date_created_gmt": "${iso}",
                "billing": {"first_name": "Nora"},
            }
        },
    ),
)
