"""Composio."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="composio",
        title="Composio",
        key="utf8",
        event_type="body.type",
        source="https://www.npmjs.com/package/@composio/core",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "composio.trigger.message": {
                "id": "msg_${uuid:message}",
                "type": "composio.trigger.message",
                "timestamp": "${iso_ms}",
                "metadata": {"trigger_slug": "GMAIL_NEW_GMAIL_MESSAGE"},
                "data": {"message_id": "${hex16:mail}"},
            }
        },
    ),
)
