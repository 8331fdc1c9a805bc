"""Pusher Channels."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="pusher",
        title="Pusher Channels",
        signature_header="x-pusher-signature",
        timestamp_path="body.time_ms",
        timestamp_unit="ms",
        tolerance=300,
        detection_headers=("x-pusher-signature",),
        note="The secret is that of the app key which X-Pusher-Key names",
        source="https://pypi.org/project/pusher/",
    ),
    source_kind="code",
    samples=Samples(
        headers={"X-Pusher-Key": "${hex20:key}"},
        payloads={
            "channel_occupied": {
                "time_ms": "${unix_ms}",
                "events": [{"channel": "presence-bees-${lower:channel}", "name": "channel_occupied"}],
            }
        },
    ),
)
