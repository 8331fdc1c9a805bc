"""Lithic."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="lithic",
        title="Lithic",
        event_type="body.event_type",
        source="https://pypi.org/project/lithic/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "card.created": {
                "event_type": "card.created",
                "card_token": "${uuid:card}",
                "replacement_for": None,
            }
        },
    ),
)
