"""Convoy."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.convoy.procedure import ConvoySignature
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="convoy",
        title="Convoy",
        signature_header="x-convoy-signature",
        layout="pairs",
        timestamp_field="t",
        algorithm="hmac-sha256-384-512",
        tolerance=300,
        detection_headers=("x-convoy-signature",),
        procedure=ConvoySignature(),
        note="Who sends through it may have chosen signatures without a time, which are taken as well.",
        source="https://github.com/frain-dev/convoy/blob/main/pkg/signature/signature.go",
    ),
    source_kind="code",
    signed="`{timestamp},{body}` or `{body}`",
    samples=Samples(
        payloads={
            "charge.success": {"event": "charge.success", "amount": 1000, "reference": "${uuid:charge}"}
        },
    ),
)
