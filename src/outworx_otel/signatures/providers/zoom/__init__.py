"""Zoom."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="zoom",
        title="Zoom",
        signature_header="x-zm-signature",
        prefix="v0=",
        timestamp_header="x-zm-request-timestamp",
        message="v0:{timestamp}:{body}",
        tolerance=300,
        event_type="body.event",
        detection_headers=("x-zm-signature",),
        source="https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Zoom Marketplace/1.0a", "clientid": "Vale0HoneyClient01"},
    ),
)
