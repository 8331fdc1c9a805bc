"""Azure DevOps."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="azure_devops",
        title="Azure DevOps",
        event_id="body.id",
        event_type="body.eventType",
        note="The secret is user:password; for a header of your own, Header-Name: value.",
        source="https://learn.microsoft.com/en-us/azure/devops/service-hooks/services/webhooks",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "git.push": {
                "subscriptionId": "${uuid:subscription}",
                "notificationId": 3,
                "id": "${uuid:event}",
                "eventType": "git.push",
                "publisherId": "tfs",
                "resource": {"pushId": 14, "repository": {"name": "parts"}},
                "createdDate": "${iso}",
            }
        },
    ),
)
