"""CircleCI."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="circleci",
        title="CircleCI",
        signature_header="circleci-signature",
        layout="pairs",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("circleci-signature",),
        source="https://github.com/circleci/circleci-docs/blob/main/docs/guides/modules/integration/pages/outbound-webhooks.adoc",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "workflow-completed": {
                "id": "${uuid:event}",
                "type": "workflow-completed",
                "happened_at": "${iso_ms}",
                "webhook": {"id": "${uuid:webhook}", "name": "bees"},
                "workflow": {"id": "${uuid:workflow}", "name": "test", "status": "success"},
            }
        },
    ),
)
