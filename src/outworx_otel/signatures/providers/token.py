"""A token in a header that the user chose, whoever sends it."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="token",
        title="Token",
        signature_header=(),
        encoding="text",
        algorithm="token",
        key="header-value",
        own_header=True,
        message="",
        note="For whoever sends a header that you set; the secret is written Header-Name: value.",
        source="https://docs.datadoghq.com/api/latest/webhooks-integration/",
    ),
    source_kind="docs",
    samples=Samples(payloads={"event": {"id": "${uuid:event}"}}),
)
