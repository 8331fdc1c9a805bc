"""Front."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="front",
        title="Front",
        signature_header="x-front-signature",
        encoding="base64",
        timestamp_header="x-front-request-timestamp",
        timestamp_unit="ms",
        message="{timestamp}:{body}",
        tolerance=300,
        event_type="body.type",
        detection_headers=("x-front-request-timestamp",),
        note=(
            "For application webhooks and connectors; the secret is the application's signing key. Webhooks of rules "
            "are signed in another way, and refused."
        ),
        source="https://github.com/frontapp/dynamic-objects-handler/blob/main/lib/auth.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "inbound_received": {
                "type": "inbound_received",
                "authorization": {"id": "cmp_${alnum:company}"},
                "payload": {"id": "evt_${alnum:event}", "type": "inbound", "emitted_at": "${unix}"},
            }
        },
    ),
)
