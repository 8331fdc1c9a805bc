"""Paddle."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="paddle",
        title="Paddle",
        signature_header="paddle-signature",
        layout="pairs",
        separator=";",
        timestamp_field="ts",
        signature_field="h1",
        message="{timestamp}:{body}",
        tolerance=5,
        event_id="body.event_id",
        event_type="body.event_type",
        detection_headers=("paddle-signature",),
        source="https://developer.paddle.com/webhooks/signature-verification",
    ),
    source_kind="docs",
    secret_prefixes=("pdl_ntfset_",),
    gives_up=GivesUp(3 * 86400, "https://developer.paddle.com/webhooks/about/respond-to-webhooks"),
    samples=Samples(
        headers={"User-Agent": "Paddle"},
    ),
)
