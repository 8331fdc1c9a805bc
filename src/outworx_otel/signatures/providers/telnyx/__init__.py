"""Telnyx."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="telnyx",
        title="Telnyx",
        signature_header="telnyx-signature-ed25519",
        timestamp_header="telnyx-timestamp",
        message="{timestamp}|{body}",
        algorithm="ed25519",
        encoding="base64",
        key="public",
        tolerance=300,
        event_id="body.data.id",
        event_type="body.data.event_type",
        detection_headers=("telnyx-signature-ed25519",),
        note="The secret is the account's public key.",
        source="https://github.com/team-telnyx/telnyx-python/blob/master/src/telnyx/lib/webhook_verification.py",
    ),
    source_kind="code",
    samples=Samples(
        headers={"User-Agent": "telnyx-webhooks"},
    ),
)
