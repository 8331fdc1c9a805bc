"""Okta."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="okta",
        title="Okta",
        event_id="body.eventId",
        event_type="body.eventType",
        note="The secret is user:password, or Header-Name: value for another authentication field.",
        source="https://developer.okta.com/docs/guides/hooks-best-practices",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "com.okta.event_hook": {
                "eventType": "com.okta.event_hook",
                "eventTypeVersion": "1.0",
                "cloudEventsVersion": "0.1",
                "source": "https://example.okta.com/api/v1/eventHooks/${alnum:hook}",
                "eventId": "${uuid:event}",
                "data": {"events": [{"uuid": "${uuid:log}", "eventType": "user.lifecycle.create"}]},
                "eventTime": "${iso}",
                "contentType": "application/json",
            }
        },
    ),
)
