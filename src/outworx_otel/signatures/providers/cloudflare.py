"""Cloudflare."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="cloudflare",
        title="Cloudflare",
        signature_header="cf-webhook-auth",
        encoding="text",
        algorithm="token",
        message="",
        event_type="body.alert_type",
        detection_headers=("cf-webhook-auth",),
        note="For notifications to a webhook with a secret.",
        source="https://developers.cloudflare.com/notifications/reference/webhook-payload-schema/",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "universal_ssl_event_type": {
                "name": "Certificates",
                "text": "A certificate was issued.",
                "data": {},
                "ts": "${unix}",
                "policy_id": "${uuid:policy}",
                "alert_type": "universal_ssl_event_type",
            }
        },
    ),
)
