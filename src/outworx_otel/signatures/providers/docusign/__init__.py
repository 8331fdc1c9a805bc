"""DocuSign."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="docusign",
        title="DocuSign",
        signature_header="x-docusign-signature-{n}",
        encoding="base64",
        event_type="body.event",
        detection_headers=("x-docusign-signature-1",),
        source="https://developers.docusign.com/platform/webhooks/connect/hmac/",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "DocuSign Connect"},
    ),
)
