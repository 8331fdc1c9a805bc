"""Plivo."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.plivo.procedure import PlivoRequest
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="plivo",
        title="Plivo",
        signature_header=("x-plivo-signature-v3", "x-plivo-signature-ma-v3"),
        encoding="base64",
        detection_headers=("x-plivo-signature-v3",),
        procedure=PlivoRequest(),
        note="The secret is the auth token; signatures of version 3.",
        source="https://pypi.org/project/plivo/",
    ),
    source_kind="code",
    signed="URL, form fields, nonce",
    samples=Samples(
        content_type="application/x-www-form-urlencoded",
    ),
)
