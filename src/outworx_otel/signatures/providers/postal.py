"""Postal."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="postal",
        title="Postal",
        signature_header="x-postal-signature-256",
        encoding="base64",
        algorithm="rsa-sha256",
        key="public",
        event_id="body.uuid",
        event_type="body.event",
        detection_headers=("x-postal-signature", "x-postal-signature-256"),
        note="The secret is the server's public key; older servers sign with SHA-1 only, and are refused.",
        source="https://github.com/postalserver/postal/blob/main/lib/postal/http.rb",
    ),
    source_kind="code",
    gives_up=GivesUp(
        2160, "https://github.com/postalserver/postal/blob/main/app/services/webhook_delivery_service.rb"
    ),
    samples=Samples(
        payloads={
            "MessageSent": {
                "event": "MessageSent",
                "timestamp": "${unix}",
                "payload": {"status": "Sent", "message": {"id": 42, "to": "nora@example.com"}},
                "uuid": "${uuid:event}",
            }
        },
    ),
)
