"""AfterShip."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="aftership",
        title="AfterShip",
        signature_header="aftership-hmac-sha256",
        encoding="base64",
        detection_headers=("aftership-hmac-sha256",),
        note="The deliveries of AfterShip's shipping and returns products, under am-webhook-signature, are not taken",
        source="https://developers.aftership.com/reference/check-signatures",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "tracking_update": {
                "event": "tracking_update",
                "event_id": "${uuid:event}",
                "msg": {"id": "${hex24:tracking}", "tracking_number": "${digits:number}", "tag": "Delivered"},
                "ts": "${unix}",
            }
        },
    ),
)
