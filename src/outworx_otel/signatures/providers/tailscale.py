"""Tailscale."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="tailscale",
        title="Tailscale",
        signature_header="tailscale-webhook-signature",
        layout="pairs",
        timestamp_field="t",
        message="{timestamp}.{body}",
        tolerance=300,
        window="past",
        detection_headers=("tailscale-webhook-signature",),
        note="A delivery holds several events.",
        source="https://github.com/tailscale/tailscale/blob/main/docs/webhooks/example.go",
    ),
    source_kind="code",
    secret_prefixes=("tskey-webhook-",),
    samples=Samples(
        payloads={
            "nodeCreated": [
                {
                    "timestamp": "${iso}",
                    "version": 1,
                    "type": "nodeCreated",
                    "tailnet": "example.com",
                    "message": "Node created",
                    "data": {"nodeID": "${alnum:node}", "deviceName": "shop.example.ts.net"},
                }
            ]
        },
    ),
)
