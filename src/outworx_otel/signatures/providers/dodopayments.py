"""Dodo Payments."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="dodopayments",
        title="Dodo Payments",
        source="https://pypi.org/project/dodopayments/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "payment.succeeded": {
                "business_id": "bus_${alnum:business}",
                "type": "payment.succeeded",
                "timestamp": "${iso_ms}",
                "data": {
                    "payload_type": "Payment",
                    "payment_id": "pay_${alnum:payment}",
                    "currency": "EUR",
                    "total_amount": 4200,
                    "status": "succeeded",
                },
            }
        },
    ),
)
