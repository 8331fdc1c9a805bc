"""Gitea."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.signed_payload import SignedPayload, form_payload

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="gitea",
        title="Gitea",
        signature_header="x-gitea-signature",
        event_id="header.x-gitea-delivery",
        event_type="header.x-gitea-event",
        detection_headers=("x-gitea-delivery", "x-gitea-event"),
        procedure=SignedPayload("x-gitea-signature", form_payload),
        note="Forgejo sends the same",
        source="https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go",
    ),
    source_kind="code",
    signed="the body, or a form's field `payload`",
    samples=Samples(
        headers={
            "X-Gitea-Delivery": "${uuid:delivery}",
            "X-Gitea-Event": "${event}",
            "X-Gitea-Event-Type": "${event}",
        },
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
