"""LINE."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="line",
        title="LINE",
        signature_header="x-line-signature",
        encoding="base64",
        detection_headers=("x-line-signature",),
        note="The secret is the channel secret.",
        source="https://developers.line.biz/en/reference/messaging-api/#signature-validation",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "LineBotWebhook/2.0", "Content-Type": "application/json; charset=utf-8"},
    ),
)
