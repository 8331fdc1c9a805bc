"""Mollie."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mollie",
        title="Mollie",
        signature_header="x-mollie-signature",
        prefix="sha256=",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("x-mollie-signature",),
        note="For next-generation webhooks; the classic ones, a form with an id, are not signed",
        source="https://github.com/mollie/mollie-api-php/blob/master/src/Webhooks/SignatureValidator.php",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "payment-link.paid": {
                "resource": "event",
                "id": "event_${alnum:event}",
                "type": "payment-link.paid",
                "entityId": "pl_${alnum:link}",
                "createdAt": "${iso}",
            }
        },
    ),
)
