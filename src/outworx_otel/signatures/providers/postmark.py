"""Postmark."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="postmark",
        title="Postmark",
        event_type="body.RecordType",
        note=(
            "The secret is user:password, as it stands in the URL; for a header of your own, "
            "Header-Name: value."
        ),
        source="https://postmarkapp.com/developer/webhooks/webhooks-overview",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "Delivery": {
                "RecordType": "Delivery",
                "ServerID": 23,
                "MessageStream": "outbound",
                "MessageID": "${uuid:message}",
                "Recipient": "nora@example.com",
                "Tag": "welcome",
                "DeliveredAt": "${iso}",
                "Details": "250 OK",
                "Metadata": {},
            }
        },
    ),
)
