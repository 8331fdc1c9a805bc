"""Acuity Scheduling."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="acuity",
        title="Acuity Scheduling",
        signature_header="x-acuity-signature",
        encoding="base64",
        detection_headers=("x-acuity-signature",),
        note="The secret is the API key",
        source="https://www.npmjs.com/package/acuityscheduling",
    ),
    source_kind="code",
    samples=Samples(),
)
