"""Resend."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import SVIX
from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        SVIX,
        provider="resend",
        title="Resend",
        detection_headers=(),
        source="https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
    ),
    source_kind="docs",
    gives_up=GivesUp(27 * 3600 + 35 * 60, "https://resend.com/docs/webhooks/retries-and-replays"),
    samples=Samples(
        headers={"User-Agent": "Svix-Webhooks/1.62"},
    ),
)
