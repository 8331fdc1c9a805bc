"""Paystack."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="paystack",
        title="Paystack",
        signature_header="x-paystack-signature",
        algorithm="hmac-sha512",
        event_type="body.event",
        detection_headers=("x-paystack-signature",),
        note="The secret is the secret key",
        source="https://github.com/PaystackOSS/doc-code-snippets/blob/main/src/doc/payments/webhooks/verifying-transaction/index.js",
    ),
    source_kind="code",
    other_credentials={"pk_": "a public key"},
    samples=Samples(
        payloads={
            "charge.success": {
                "event": "charge.success",
                "data": {
                    "id": "${number:charge}",
                    "reference": "${alnum16:reference}",
                    "status": "success",
                    "amount": 420000,
                    "currency": "NGN",
                },
            }
        },
    ),
)
