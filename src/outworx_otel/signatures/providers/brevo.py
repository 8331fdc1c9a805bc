"""Brevo."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="brevo",
        title="Brevo",
        event_type="body.event",
        note=(
            "The secret is user:password, as it stands in the URL; for a token, Authorization: Bearer token."
        ),
        source="https://developers.brevo.com/docs/secured-webhooks",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "delivered": {
                "event": "delivered",
                "email": "nora@example.com",
                "id": "${number:webhook}",
                "date": "${iso}",
                "message-id": "<${alnum:message}@example.com>",
                "subject": "Welcome",
                "ts_event": "${unix}",
            }
        },
    ),
)
