"""Viber."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="viber",
        title="Viber",
        signature_header="x-viber-content-signature",
        event_id="body.message_token",
        event_type="body.event",
        detection_headers=("x-viber-content-signature",),
        note="The secret is the bot's authentication token.",
        source="https://pypi.org/project/viberbot/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "subscribed": {
                "event": "subscribed",
                "timestamp": "${unix_ms}",
                "user": {
                    "id": "${alnum:user}==",
                    "name": "Nora Vale",
                    "country": "NL",
                    "language": "nl",
                    "api_version": 1,
                },
                "message_token": "${number:token}",
            }
        },
    ),
)
