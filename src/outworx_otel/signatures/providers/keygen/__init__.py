"""Keygen."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.keygen.procedure import KeygenRequest
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="keygen",
        title="Keygen",
        signature_header="keygen-signature",
        timestamp_header="date",
        algorithm="ed25519",
        encoding="base64",
        key="public",
        event_id="body.data.id",
        detection_headers=("keygen-signature",),
        procedure=KeygenRequest(),
        note=(
            "The secret is the account's Ed25519 public key. Keygen's own library refuses what is older than 300 s: "
            "pass `tolerance` for the same."
        ),
        source="https://github.com/keygen-sh/keygen-go/blob/main/verifier.go",
    ),
    source_kind="code",
    signed="method, path, host, date, hash of the body",
    samples=Samples(
        payloads={
            "license.validation.succeeded": {
                "data": {
                    "id": "${uuid:event}",
                    "type": "webhook-events",
                    "attributes": {
                        "endpoint": "https://shop.example/webhooks",
                        "payload": "{}",
                        "event": "license.validation.succeeded",
                        "status": "DELIVERING",
                        "created": "${iso_ms}",
                    },
                }
            }
        },
    ),
)
