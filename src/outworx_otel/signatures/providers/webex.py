"""Cisco Webex."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="webex",
        title="Cisco Webex",
        signature_header="x-spark-signature",
        algorithm="hmac-sha1",
        event_type="body.resource",
        detection_headers=("x-spark-signature",),
        source="https://www.npmjs.com/package/webex-node-bot-framework",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "messages.created": {
                "id": "${alnum:webhook}",
                "name": "bees",
                "resource": "messages",
                "event": "created",
                "actorId": "${alnum:actor}",
                "data": {"id": "${alnum:message}", "roomId": "${alnum:room}", "created": "${iso_ms}"},
            }
        },
    ),
)
