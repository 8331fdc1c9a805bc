"""Checkout.com."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="checkout_com",
        title="Checkout.com",
        signature_header="cko-signature",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("cko-signature",),
        source="https://github.com/checkout/checkout-woocommerce-plugin/blob/master/includes/api/class-wc-checkoutcom-utility.php",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "payment_approved": {
                "id": "evt_${lower26:event}",
                "type": "payment_approved",
                "version": "1.0.19",
                "created_on": "${iso}",
                "data": {"id": "pay_${lower26:payment}", "amount": 4200, "currency": "EUR"},
            }
        },
    ),
)
