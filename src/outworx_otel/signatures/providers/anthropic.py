"""Anthropic."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="anthropic",
        title="Anthropic",
        event_type="body.data.type",
        event_id="body.id",
        source="https://pypi.org/project/anthropic/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "agent.created": {
                "type": "event",
                "id": "evt_${alnum:event}",
                "created_at": "${iso}",
                "data": {
                    "type": "agent.created",
                    "id": "agent_${alnum:agent}",
                    "organization_id": "${uuid:org}",
                    "workspace_id": "wrkspc_${alnum:ws}",
                },
            }
        },
    ),
)
