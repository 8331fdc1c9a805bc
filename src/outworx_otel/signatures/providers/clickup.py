"""ClickUp."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="clickup",
        title="ClickUp",
        signature_header="x-signature",
        event_type="body.event",
        source="https://developer.clickup.com/docs/webhooksignature",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "taskCreated": {
                "event": "taskCreated",
                "history_items": [
                    {"id": "${digits18:item}", "type": 1, "date": "${unix_ms}", "field": "status"}
                ],
                "task_id": "${lower9:task}",
                "webhook_id": "${uuid:webhook}",
            }
        },
    ),
)
