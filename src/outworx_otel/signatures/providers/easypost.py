"""EasyPost."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="easypost",
        title="EasyPost",
        signature_header="x-hmac-signature",
        prefix="hmac-sha256-hex=",
        key="utf8-nfkd",
        event_id="body.id",
        event_type="body.description",
        detection_headers=("x-hmac-signature",),
        source="https://pypi.org/project/easypost/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "tracker.updated": {
                "id": "evt_${hex:event}",
                "object": "Event",
                "mode": "test",
                "description": "tracker.updated",
                "created_at": "${iso}",
                "updated_at": "${iso}",
                "result": {"id": "trk_${hex:tracker}", "object": "Tracker", "status": "delivered"},
            }
        },
    ),
)
