"""Typeform."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="typeform",
        title="Typeform",
        signature_header="typeform-signature",
        prefix="sha256=",
        encoding="base64",
        event_id="body.event_id",
        event_type="body.event_type",
        detection_headers=("typeform-signature",),
        source="https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Typeform Webhooks"},
    ),
)
