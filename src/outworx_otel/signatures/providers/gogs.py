"""Gogs."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.signed_payload import SignedPayload, form_payload

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="gogs",
        title="Gogs",
        signature_header="x-gogs-signature",
        event_id="header.x-gogs-delivery",
        event_type="header.x-gogs-event",
        detection_headers=("x-gogs-delivery", "x-gogs-event"),
        procedure=SignedPayload("x-gogs-signature", form_payload),
        source="https://github.com/gogs/gogs/blob/main/internal/database/webhook.go",
    ),
    source_kind="code",
    signed="the body, or a form's field `payload`",
    samples=Samples(
        headers={"X-Gogs-Delivery": "${uuid:delivery}", "X-Gogs-Event": "${event}"},
        payloads={
            "push": {
                "ref": "refs/heads/main",
                "before": "0000000000000000000000000000000000000000",
                "after": "${hex40:commit}",
                "repository": {"id": "${number:repository}", "name": "bees", "full_name": "acme/bees"},
                "pusher": {"username": "nora"},
            }
        },
    ),
)
