"""Render."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(STANDARD, provider="render", title="Render", source="https://render.com/docs/webhooks"),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Go-http-client/2.0"},
    ),
)
