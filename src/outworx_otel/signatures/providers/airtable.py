"""Airtable."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="airtable",
        title="Airtable",
        signature_header="x-airtable-content-mac",
        prefix="hmac-sha256=",
        key="base64",
        detection_headers=("x-airtable-content-mac",),
        note="A delivery only says that there is something to fetch",
        source="https://airtable.com/developers/web/api/webhooks-overview",
    ),
    source_kind="docs",
    gives_up=GivesUp(86400, "https://airtable.com/developers/web/api/webhooks-overview"),
    samples=Samples(
        payloads={
            "ping": {
                "base": {"id": "app${alnum14:base}"},
                "webhook": {"id": "ach${alnum14:webhook}"},
                "timestamp": "${iso_ms}",
            }
        },
    ),
)
