"""Google push notifications."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="google_push",
        title="Google push notifications",
        signature_header="x-goog-channel-token",
        encoding="text",
        algorithm="token",
        message="",
        event_type="header.x-goog-resource-state",
        detection_headers=("x-goog-channel-id",),
        note=(
            "The secret is the token given when the channel was made; without one Google sends no such "
            "header."
        ),
        source="https://developers.google.com/workspace/drive/api/guides/push",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "X-Goog-Channel-ID": "${uuid:channel}",
            "X-Goog-Resource-ID": "${alnum:resource}",
            "X-Goog-Resource-State": "${event}",
            "X-Goog-Message-Number": "10",
        },
        payloads={"changed": {"kind": "drive#changes"}},
    ),
)
