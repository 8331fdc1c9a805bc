"""Deepgram."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="deepgram",
        title="Deepgram",
        own_header=False,
        event_id="body.metadata.request_id",
        note=(
            "The secret is user:password, as it stands in the callback's URL; the dg-token header "
            "proves nothing any more."
        ),
        source="https://developers.deepgram.com/changelog/2026/10/27",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "transcription": {
                "metadata": {"request_id": "${uuid:request}", "duration": 25.9, "channels": 1},
                "results": {
                    "channels": [{"alternatives": [{"transcript": "hello there", "confidence": 0.99}]}]
                },
            }
        },
    ),
)
