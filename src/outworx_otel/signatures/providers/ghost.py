"""Ghost."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="ghost",
        title="Ghost",
        signature_header="x-ghost-signature",
        layout="pairs",
        signature_field="sha256",
        timestamp_field="t",
        timestamp_unit="ms",
        message="{body}{timestamp}",
        event_type="body.event",
        detection_headers=("x-ghost-signature",),
        note="Older versions of Ghost left the time out of what they sign, and are refused.",
        source="https://github.com/TryGhost/Ghost/blob/main/ghost/core/core/server/services/webhooks/WebhookTrigger.js",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "post.published": {
                "event": "post.published",
                "post": {
                    "current": {
                        "id": "${hex24:post}",
                        "uuid": "${uuid:post}",
                        "title": "Two pots",
                        "status": "published",
                        "published_at": "${iso_ms}",
                    },
                    "previous": {"status": "draft"},
                },
            }
        },
    ),
)
