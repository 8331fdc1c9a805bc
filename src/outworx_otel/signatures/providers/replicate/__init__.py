"""Replicate."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="replicate",
        title="Replicate",
        event_type="body.status",
        source="https://replicate.com/docs/topics/webhooks/verify-webhook",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Replicate/1.0"},
    ),
)
