"""Svix."""

from __future__ import annotations

from outworx_otel.signatures.families import SVIX
from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=SVIX,
    source_kind="code",
    secret_prefixes=("whsec_",),
    gives_up=GivesUp(27 * 3600 + 35 * 60, "https://docs.svix.com/retries"),
    samples=Samples(
        headers={"User-Agent": "Svix-Webhooks/1.62"},
    ),
)
