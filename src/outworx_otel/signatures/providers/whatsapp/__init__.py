"""WhatsApp."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import META, META_SUBSCRIPTION
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(META, provider="whatsapp", title="WhatsApp"),
    source_kind="docs",
    handshakes=(META_SUBSCRIPTION,),
    samples=Samples(
        headers={"User-Agent": "facebookexternalua", "Accept": "*/*"},
    ),
)
