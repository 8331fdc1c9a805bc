"""Linear."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="linear",
        title="Linear",
        signature_header="linear-signature",
        timestamp_path="body.webhookTimestamp",
        timestamp_unit="ms",
        tolerance=60,
        event_id="header.linear-delivery",
        event_type="header.linear-event",
        detection_headers=("linear-signature", "linear-delivery"),
        source="https://linear.app/developers/webhooks",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "User-Agent": "Linear-Webhook",
            "Content-Type": "application/json; charset=utf-8",
            "Linear-Delivery": "${uuid:delivery}",
            "Linear-Event": "${kind}",
        },
    ),
)
