"""Telegram."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="telegram",
        title="Telegram",
        signature_header="x-telegram-bot-api-secret-token",
        encoding="text",
        algorithm="token",
        message="",
        event_id="body.update_id",
        detection_headers=("x-telegram-bot-api-secret-token",),
        note="The secret is setWebhook's secret_token; without one Telegram sends no such header.",
        source="https://core.telegram.org/bots/api#setwebhook",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "message": {
                "update_id": "${number:update}",
                "message": {
                    "message_id": "${number:message}",
                    "date": "${unix}",
                    "chat": {"id": "${number:chat}", "type": "private", "first_name": "Nora"},
                    "from": {"id": "${number:chat}", "is_bot": False, "first_name": "Nora"},
                    "text": "/start",
                },
            }
        },
    ),
)
