"""Onfido."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="onfido",
        title="Onfido",
        signature_header="x-sha2-signature",
        event_type="body.payload.action",
        detection_headers=("x-sha2-signature",),
        note="The secret is the webhook's token.",
        source="https://pypi.org/project/onfido-python/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "check.completed": {
                "payload": {
                    "resource_type": "check",
                    "action": "check.completed",
                    "object": {
                        "id": "${uuid:check}",
                        "status": "complete",
                        "completed_at_iso8601": "${iso}",
                        "href": "https://api.onfido.com/v3.6/checks/${uuid:check}",
                    },
                }
            }
        },
    ),
)
