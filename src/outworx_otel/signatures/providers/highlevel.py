"""HighLevel."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="highlevel",
        title="HighLevel",
        signature_header="x-wh-signature",
        encoding="base64",
        algorithm="rsa-sha256",
        key="public",
        event_id="body.webhookId",
        event_type="body.type",
        detection_headers=("x-wh-signature",),
        note="The secret is the public key that its page prints.",
        source="https://github.com/GoHighLevel/highlevel-api-docs/blob/main/docs/oauth/WebhookAuthentication.md",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "ContactCreate": {
                "type": "ContactCreate",
                "timestamp": "${iso}",
                "webhookId": "${uuid:webhook}",
                "locationId": "${alnum:location}",
                "id": "${alnum:contact}",
                "name": "Nora Vale",
            }
        },
    ),
)
