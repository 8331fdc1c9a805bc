"""Cal.com."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.signed_payload import SignedPayload, whole_body

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="cal_com",
        title="Cal.com",
        signature_header="x-cal-signature-256",
        event_type="body.triggerEvent",
        detection_headers=("x-cal-signature-256",),
        procedure=SignedPayload("x-cal-signature-256", whole_body, unsigned="no-secret-provided"),
        source="https://github.com/calcom/cal.com/blob/main/packages/features/webhooks/lib/sendPayload.ts",
    ),
    source_kind="code",
    signed="`{body}`",
    samples=Samples(
        payloads={
            "BOOKING_CREATED": {
                "triggerEvent": "BOOKING_CREATED",
                "createdAt": "${iso_ms}",
                "payload": {
                    "title": "Tea with Nora",
                    "uid": "${alnum:booking}",
                    "startTime": "${iso}",
                    "organizer": {"name": "Nora", "email": "nora@example.com", "timeZone": "Europe/London"},
                },
            }
        },
    ),
)
