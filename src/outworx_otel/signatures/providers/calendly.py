"""Calendly."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="calendly",
        title="Calendly",
        signature_header="calendly-webhook-signature",
        layout="pairs",
        timestamp_field="t",
        message="{timestamp}.{body}",
        tolerance=180,
        window="past",
        event_type="body.event",
        detection_headers=("calendly-webhook-signature",),
        note="The secret is the subscription's signing key, or the OAuth application's.",
        source="https://developer.calendly.com/api-docs/overview/webhooks/webhook-signatures",
    ),
    source_kind="docs",
    gives_up=GivesUp(86400, "https://developer.calendly.com/api-docs/overview/webhooks/webhook-errors"),
    samples=Samples(
        payloads={
            "invitee.created": {
                "event": "invitee.created",
                "created_at": "${iso}",
                "created_by": "https://api.calendly.com/users/${uuid:user}",
                "payload": {
                    "uri": "https://api.calendly.com/scheduled_events/${uuid:event}/invitees/${uuid:invitee}",
                    "email": "nora@example.com",
                    "name": "Nora Vale",
                    "status": "active",
                },
            }
        },
    ),
)
