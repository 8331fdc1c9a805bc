"""Hook0, and who delivers through it, such as Coinbase's Developer Platform."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.hook0.procedure import Hook0Signature
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="hook0",
        title="Hook0",
        signature_header="x-hook0-signature",
        layout="pairs",
        timestamp_field="t",
        tolerance=300,
        detection_headers=("x-hook0-signature",),
        procedure=Hook0Signature(),
        note="Coinbase's Developer Platform delivers through it.",
        source="https://www.npmjs.com/package/hook0-client",
    ),
    source_kind="code",
    signed="time, the headers that it names, body",
    samples=Samples(
        headers={"X-Event-Id": "${uuid:event}", "X-Event-Type": "${event}"},
        payloads={
            "billing.invoice.paid": {"invoice_id": "${uuid:invoice}", "amount": 4200, "currency": "EUR"}
        },
    ),
)
