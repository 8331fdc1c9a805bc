"""Razorpay."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="razorpay",
        title="Razorpay",
        signature_header="x-razorpay-signature",
        event_id="header.x-razorpay-event-id",
        event_type="body.event",
        detection_headers=("x-razorpay-signature",),
        source="https://razorpay.com/docs/webhooks/validate-test/",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Razorpay-Webhook/v1", "X-Razorpay-Event-Id": "${alnum14:event}"},
    ),
)
