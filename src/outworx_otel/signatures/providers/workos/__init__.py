"""WorkOS."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="workos",
        title="WorkOS",
        signature_header="workos-signature",
        layout="pairs",
        timestamp_field="t",
        timestamp_unit="ms",
        message="{timestamp}.{body}",
        tolerance=180,
        event_id="body.id",
        event_type="body.event",
        detection_headers=("workos-signature",),
        source="https://github.com/workos/workos-python/blob/main/src/workos/webhooks/_verification.py",
    ),
    source_kind="code",
    samples=Samples(
        headers={"User-Agent": "workos-webhooks"},
    ),
)
