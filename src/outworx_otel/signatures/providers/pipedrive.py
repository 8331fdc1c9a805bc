"""Pipedrive."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="pipedrive",
        title="Pipedrive",
        own_header=False,
        event_type="body.meta.action",
        note="The secret is http_auth_user:http_auth_password.",
        source="https://pipedrive.readme.io/docs/guide-for-webhooks-v2",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "change": {
                "data": {"id": "${number:deal}", "title": "A deal"},
                "previous": {"title": "Deal"},
                "meta": {
                    "action": "change",
                    "entity": "deal",
                    "entity_id": "${number:deal}",
                    "version": "2.0",
                },
            }
        },
    ),
)
