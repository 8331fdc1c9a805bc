"""Clerk."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import SVIX
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        SVIX,
        provider="clerk",
        title="Clerk",
        detection_headers=(),
        source="https://clerk.com/docs/webhooks/sync-data",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Svix-Webhooks/1.62"},
    ),
)
