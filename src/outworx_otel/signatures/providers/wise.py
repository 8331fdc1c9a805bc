"""Wise."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="wise",
        title="Wise",
        signature_header="x-signature-sha256",
        encoding="base64",
        algorithm="rsa-sha256",
        key="public",
        event_id="header.x-delivery-id",
        event_type="body.event_type",
        note="The secret is the public key that Wise's page prints, one for the sandbox, one for production.",
        source="https://github.com/transferwise/digital-signatures-examples/blob/main/verify-webhook-signature/README.md",
    ),
    source_kind="code",
    # 25 times at most.
    gives_up=GivesUp(14 * 86400, "https://docs.wise.com/guides/developer/webhooks/event-handling"),
    samples=Samples(
        headers={"X-Delivery-Id": "${uuid:delivery}"},
        payloads={
            "transfers#state-change": {
                "data": {
                    "resource": {
                        "id": 49983981,
                        "profile_id": 16055450,
                        "account_id": 14124090,
                        "type": "transfer",
                    },
                    "current_state": "processing",
                    "previous_state": "incoming_payment_waiting",
                    "occurred_at": "${iso}",
                },
                "subscription_id": "${uuid:subscription}",
                "event_type": "transfers#state-change",
                "schema_version": "2.0.0",
                "sent_at": "${iso}",
            }
        },
    ),
)
