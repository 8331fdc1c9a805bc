"""Hugging Face."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="huggingface",
        title="Hugging Face",
        signature_header="x-webhook-secret",
        encoding="text",
        algorithm="token",
        message="",
        event_type="body.event.action",
        source="https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/_webhooks_server.py",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "update": {
                "event": {"action": "update", "scope": "repo.content"},
                "repo": {"type": "model", "name": "nora/model", "id": "${hex24:repo}", "private": False},
                "webhook": {"id": "${hex24:hook}", "version": 3},
            }
        },
    ),
)
