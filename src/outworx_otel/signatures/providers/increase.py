"""Increase."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="increase",
        title="Increase",
        key="whsec-or-utf8",
        event_id="body.id",
        event_type="body.category",
        source="https://pypi.org/project/increase/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "account.created": {
                "associated_object_id": "account_${lower:account}",
                "associated_object_type": "account",
                "category": "account.created",
                "created_at": "${iso}",
                "id": "event_${lower:event}",
                "type": "event",
            }
        },
    ),
)
