"""Retell AI."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="retell",
        title="Retell AI",
        signature_header="x-retell-signature",
        layout="pairs",
        timestamp_field="v",
        signature_field="d",
        message="{body}{timestamp}",
        timestamp_unit="ms",
        tolerance=300,
        event_type="body.event",
        detection_headers=("x-retell-signature",),
        note="The secret is the API key that has the webhook badge.",
        source="https://pypi.org/project/retell-sdk/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "call_ended": {
                "event": "call_ended",
                "call": {
                    "call_type": "web_call",
                    "call_id": "${hex:call}",
                    "agent_id": "${hex:agent}",
                    "call_status": "ended",
                    "start_timestamp": "${unix_ms}",
                },
            }
        },
    ),
)
