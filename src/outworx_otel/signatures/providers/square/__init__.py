"""Square."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="square",
        title="Square",
        signature_header="x-square-hmacsha256-signature",
        encoding="base64",
        message="{url}{body}",
        event_id="body.event_id",
        event_type="body.type",
        detection_headers=("x-square-hmacsha256-signature",),
        source="https://developer.squareup.com/docs/webhooks/step3validate",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "User-Agent": "Square Connect v2",
            "square-environment": "Sandbox",
            "square-initial-delivery-timestamp": "${iso}",
        },
    ),
)
