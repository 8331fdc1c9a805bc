"""Trello."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="trello",
        title="Trello",
        signature_header="x-trello-webhook",
        encoding="base64",
        algorithm="hmac-sha1",
        message="{body}{url}",
        event_id="body.action.id",
        event_type="body.action.type",
        detection_headers=("x-trello-webhook",),
        note="The URL is the callback URL as it was registered; the secret is the application's.",
        source="https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
    ),
    source_kind="docs",
    handshakes=(
        Handshake(
            method="HEAD",
            source="https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
        ),
    ),
    samples=Samples(
        payloads={
            "updateCard": {
                "action": {
                    "id": "${hex24:action}",
                    "idMemberCreator": "${hex24:member}",
                    "type": "updateCard",
                    "date": "${iso_ms}",
                    "data": {"card": {"id": "${hex24:card}", "name": "Two pots", "closed": False}},
                },
                "model": {"id": "${hex24:board}", "name": "Orders"},
            }
        },
    ),
)
