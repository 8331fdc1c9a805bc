"""Zendesk."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="zendesk",
        title="Zendesk",
        signature_header="x-zendesk-webhook-signature",
        encoding="base64",
        timestamp_header="x-zendesk-webhook-signature-timestamp",
        timestamp_unit="iso8601",
        message="{timestamp}{body}",
        tolerance=300,
        event_id="header.x-zendesk-webhook-invocation-id",
        event_type="body.type",
        detection_headers=("x-zendesk-webhook-signature",),
        source="https://developer.zendesk.com/documentation/webhooks/verifying/",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "User-Agent": "Zendesk Webhook",
            "X-Zendesk-Account-Id": "21044551",
            "X-Zendesk-Webhook-Id": "01${upper24:webhook}",
            "X-Zendesk-Webhook-Invocation-Id": "01${upper24:invocation}",
        },
        names={
            "user.created": "zen:event-type:user.created",
            "ticket.created": "zen:event-type:ticket.created",
        },
    ),
)
