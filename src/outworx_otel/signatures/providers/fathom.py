"""Fathom."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="fathom",
        title="Fathom",
        event_type="",
        source="https://www.npmjs.com/package/fathom-typescript",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "new-meeting-content-ready": {
                "title": "Quarterly review",
                "recording_id": "${number:recording}",
                "url": "https://fathom.video/${alnum:video}",
                "created_at": "${iso}",
                "transcript": None,
                "action_items": [],
            }
        },
    ),
)
