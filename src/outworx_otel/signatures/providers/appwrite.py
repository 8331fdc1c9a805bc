"""Appwrite."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="appwrite",
        title="Appwrite",
        signature_header="x-appwrite-webhook-signature",
        encoding="base64",
        algorithm="hmac-sha1",
        message="{url}{body}",
        detection_headers=("x-appwrite-webhook-id",),
        note="The URL is the one that was entered for the webhook.",
        source="https://github.com/appwrite/appwrite/blob/main/src/Appwrite/Platform/Workers/Webhooks.php",
    ),
    source_kind="code",
    samples=Samples(
        headers={"X-Appwrite-Webhook-Id": "${hex20:webhook}", "X-Appwrite-Webhook-Events": "${event}"},
        payloads={
            "users.create": {
                "$id": "${hex20:user}",
                "$createdAt": "${iso_ms}",
                "name": "Nora Vale",
                "email": "nora@example.com",
                "status": True,
            }
        },
    ),
)
