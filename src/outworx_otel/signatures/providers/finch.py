"""Finch."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="finch",
        title="Finch",
        signature_header="finch-signature",
        timestamp_header="finch-timestamp",
        id_header="finch-event-id",
        key="base64",
        event_id="header.finch-event-id",
        event_type="body.event_type",
        detection_headers=("finch-signature",),
        source="https://pypi.org/project/finch-api/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "company.updated": {
                "company_id": "${uuid:company}",
                "connection_id": "${uuid:connection}",
                "event_type": "company.updated",
                "data": None,
            }
        },
    ),
)
