"""PagerDuty."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="pagerduty",
        title="PagerDuty",
        signature_header="x-pagerduty-signature",
        layout="pairs",
        event_id="body.event.id",
        event_type="body.event.event_type",
        detection_headers=("x-pagerduty-signature",),
        source="https://github.com/PagerDuty/developer-docs/blob/main/docs/webhooks/04-Signatures.md",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "incident.triggered": {
                "event": {
                    "id": "${upper26:event}",
                    "event_type": "incident.triggered",
                    "resource_type": "incident",
                    "occurred_at": "${iso_ms}",
                    "agent": None,
                    "client": None,
                    "data": {
                        "id": "${upper14:incident}",
                        "type": "incident",
                        "status": "triggered",
                        "title": "The kettle is cold",
                    },
                }
            }
        },
    ),
)
