"""Nango."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="nango",
        title="Nango",
        signature_header="x-nango-hmac-sha256",
        event_type="body.type",
        detection_headers=("x-nango-hmac-sha256",),
        note="The older X-Nango-Signature, a hash without a key of its own, is not taken.",
        source="https://www.npmjs.com/package/@nangohq/node",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "auth": {
                "from": "nango",
                "type": "auth",
                "connectionId": "${uuid:connection}",
                "providerConfigKey": "github",
                "environment": "dev",
                "success": True,
                "operation": "creation",
            }
        },
    ),
)
