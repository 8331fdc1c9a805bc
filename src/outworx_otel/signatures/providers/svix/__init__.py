"""Svix."""

from __future__ import annotations

from outworx_otel.signatures.families import SVIX
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=SVIX,
    source_kind="code",
    secret_prefixes=("whsec_",),
    samples=Samples(
        headers={"User-Agent": "Svix-Webhooks/1.62"},
    ),
)
