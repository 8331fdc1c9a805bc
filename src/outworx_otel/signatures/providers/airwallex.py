"""Airwallex."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="airwallex",
        title="Airwallex",
        signature_header="x-signature",
        timestamp_header="x-timestamp",
        timestamp_unit="auto",
        message="{timestamp}{body}",
        event_id="body.id",
        event_type="body.name",
        source="https://github.com/airwallex/paymentacceptance-plugin-woocommerce/blob/main/includes/Services/WebhookService.php",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "payment_intent.succeeded": {
                "id": "evt_${alnum:event}",
                "name": "payment_intent.succeeded",
                "account_id": "acct_${alnum:account}",
                "data": {"object": {"id": "int_${alnum:intent}", "amount": 42, "currency": "EUR"}},
                "created_at": "${iso}",
            }
        },
    ),
)
