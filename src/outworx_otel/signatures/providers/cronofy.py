"""Cronofy."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="cronofy",
        title="Cronofy",
        signature_header="cronofy-hmac-sha256",
        layout="list",
        encoding="base64",
        event_type="body.notification.type",
        detection_headers=("cronofy-hmac-sha256",),
        note="The secret is the client secret.",
        source="https://pypi.org/project/pycronofy/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "change": {
                "notification": {"type": "change", "changes_since": "${iso}"},
                "channel": {
                    "channel_id": "chn_${hex24:channel}",
                    "callback_url": "https://app.example.com/cronofy",
                },
            }
        },
    ),
)
