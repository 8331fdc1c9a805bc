"""Expo EAS."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="expo",
        title="Expo EAS",
        signature_header="expo-signature",
        prefix="sha1=",
        algorithm="hmac-sha1",
        event_id="body.id",
        detection_headers=("expo-signature",),
        source="https://github.com/expo/expo/blob/main/docs/pages/eas/webhooks.mdx",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "build": {
                "id": "${uuid:build}",
                "accountName": "acme",
                "projectName": "bees",
                "appId": "${uuid:app}",
                "platform": "android",
                "status": "finished",
                "createdAt": "${iso_ms}",
            }
        },
    ),
)
