"""Crisp."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="crisp",
        title="Crisp",
        signature_header="x-crisp-signature",
        timestamp_header="x-crisp-request-timestamp",
        timestamp_unit="opaque",
        message="[{timestamp};{body}]",
        event_type="body.event",
        detection_headers=("x-crisp-signature",),
        source="https://www.npmjs.com/package/crisp-api",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "message:send": {
                "website_id": "${uuid:website}",
                "event": "message:send",
                "data": {
                    "type": "text",
                    "from": "user",
                    "content": "Two pots, please",
                    "fingerprint": "${number:fingerprint}",
                    "session_id": "session_${uuid:session}",
                },
                "timestamp": "${unix_ms}",
            }
        },
    ),
)
