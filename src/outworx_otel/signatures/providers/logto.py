"""Logto."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="logto",
        title="Logto",
        signature_header="logto-signature-sha-256",
        event_type="body.event",
        detection_headers=("logto-signature-sha-256",),
        source="https://github.com/logto-io/logto/blob/master/packages/core/src/utils/sign.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "User.Created": {
                "hookId": "${lower:hook}",
                "event": "User.Created",
                "createdAt": "${iso_ms}",
                "data": {"id": "${lower:user}", "username": "nora"},
            }
        },
    ),
)
