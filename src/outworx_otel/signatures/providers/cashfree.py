"""Cashfree Payments."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="cashfree",
        title="Cashfree Payments",
        signature_header="x-webhook-signature",
        encoding="base64",
        timestamp_header="x-webhook-timestamp",
        timestamp_unit="opaque",
        message="{timestamp}{body}",
        event_type="body.type",
        note="The secret is the client secret.",
        source="https://pypi.org/project/cashfree-pg/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "PAYMENT_SUCCESS_WEBHOOK": {
                "data": {
                    "order": {
                        "order_id": "order_${number:order}",
                        "order_amount": 42.0,
                        "order_currency": "INR",
                    },
                    "payment": {"cf_payment_id": "${number:payment}", "payment_status": "SUCCESS"},
                },
                "event_time": "${iso}",
                "type": "PAYMENT_SUCCESS_WEBHOOK",
            }
        },
    ),
)
