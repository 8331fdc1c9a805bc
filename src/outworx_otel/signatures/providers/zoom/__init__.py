"""Zoom."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.handshake import Handshake, hmac_hex
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

_URL_VALIDATION = Handshake(
    when={"body.event": "endpoint.url_validation"},
    challenge="body.payload.plainToken",
    # Deliveries are signed as `v0:<time>:<body>`, with the same key.
    allowed="[^:]+",
    proof="signature",
    key="secret",
    make=hmac_hex,
    document={"plainToken": "{challenge}", "encryptedToken": "{made}"},
    source="https://github.com/zoom/webhook-sample/blob/master/index.js",
)

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="zoom",
        title="Zoom",
        signature_header="x-zm-signature",
        prefix="v0=",
        timestamp_header="x-zm-request-timestamp",
        message="v0:{timestamp}:{body}",
        tolerance=300,
        event_type="body.event",
        detection_headers=("x-zm-signature",),
        source="https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events",
    ),
    source_kind="docs",
    handshakes=(
        _URL_VALIDATION,
        # Zoom signs it; with no signature at all it is answered too: the key signs nothing that could be a delivery.
        replace(_URL_VALIDATION, proof="none", absent=("header.x-zm-signature",)),
    ),
    samples=Samples(
        headers={"User-Agent": "Zoom Marketplace/1.0a", "clientid": "Vale0HoneyClient01"},
    ),
)
