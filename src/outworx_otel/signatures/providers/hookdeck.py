"""Hookdeck."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="hookdeck",
        title="Hookdeck",
        signature_header=("x-hookdeck-signature", "x-hookdeck-signature-{n}"),
        encoding="base64",
        detection_headers=("x-hookdeck-signature",),
        note="For what Hookdeck passes on; both signatures count while its secret is rotated",
        source="https://www.npmjs.com/package/@hookdeck/vercel",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "order.created": {"id": "${number:order}", "topic": "orders/create", "created_at": "${iso}"}
        },
    ),
)
