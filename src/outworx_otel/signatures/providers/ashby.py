"""Ashby."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="ashby",
        title="Ashby",
        signature_header="ashby-signature",
        prefix="sha256=",
        event_id="body.webhookActionId",
        event_type="body.action",
        detection_headers=("ashby-signature",),
        source="https://developers.ashbyhq.com/docs/authenticating-webhooks",
    ),
    source_kind="docs",
    gives_up=GivesUp(10130, "https://developers.ashbyhq.com/docs/retries"),
    samples=Samples(
        payloads={
            "candidateStageChange": {
                "webhookActionId": "${uuid:event}",
                "action": "candidateStageChange",
                "data": {"application": {"id": "${uuid:application}", "status": "Active"}},
            }
        },
    ),
)
