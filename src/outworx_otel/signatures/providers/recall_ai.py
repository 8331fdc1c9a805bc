"""Recall.ai."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="recall_ai",
        title="Recall.ai",
        signature_header=("webhook-signature", "svix-signature"),
        timestamp_header=("webhook-timestamp", "svix-timestamp"),
        id_header=("webhook-id", "svix-id"),
        event_type="body.event",
        source="https://github.com/recallai/sample-apps/blob/main/verify_requests_from_recall/src/verify_request_from_recall.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "bot.done": {
                "event": "bot.done",
                "data": {
                    "bot": {"id": "${uuid:bot}", "metadata": {}},
                    "data": {"code": "done", "updated_at": "${iso_ms}"},
                },
            }
        },
    ),
)
