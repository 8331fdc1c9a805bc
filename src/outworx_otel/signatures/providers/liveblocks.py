"""Liveblocks."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="liveblocks",
        title="Liveblocks",
        source="https://www.npmjs.com/package/@liveblocks/node",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "storageUpdated": {
                "type": "storageUpdated",
                "data": {
                    "projectId": "${hex24:project}",
                    "roomId": "room-${lower8:room}",
                    "updatedAt": "${iso_ms}",
                },
            }
        },
    ),
)
