"""Taiga."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="taiga",
        title="Taiga",
        signature_header="x-taiga-webhook-signature",
        algorithm="hmac-sha1",
        event_type="body.type",
        detection_headers=("x-taiga-webhook-signature",),
        source="https://github.com/taigaio/taiga-back/blob/main/taiga/webhooks/tasks.py",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "issue": {
                "action": "create",
                "type": "issue",
                "data": {
                    "id": "${number:issue}",
                    "ref": 7,
                    "subject": "Label is upside down",
                    "created_date": "${iso_ms}",
                },
            }
        },
    ),
)
