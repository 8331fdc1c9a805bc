"""Sinch."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="sinch",
        title="Sinch",
        signature_header="x-sinch-webhook-signature",
        encoding="base64",
        id_header="x-sinch-webhook-signature-nonce",
        timestamp_header="x-sinch-webhook-signature-timestamp",
        message="{body}.{id}.{timestamp}",
        tolerance=300,
        detection_headers=("x-sinch-webhook-signature",),
        note="For the Conversation API; the id that is signed is a nonce.",
        source="https://pypi.org/project/sinch/",
    ),
    source_kind="code",
    samples=Samples(
        headers={"x-sinch-webhook-signature-algorithm": "HmacSHA256"},
        payloads={
            "MESSAGE_INBOUND": {
                "app_id": "${upper26:app}",
                "accepted_time": "${iso_ms}",
                "event_time": "${iso_ms}",
                "project_id": "${uuid:project}",
                "message": {
                    "id": "${upper26:message}",
                    "direction": "TO_APP",
                    "contact_message": {"text_message": {"text": "Two pots, please"}},
                },
            }
        },
    ),
)
