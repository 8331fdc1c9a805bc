"""Jira."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="jira",
        title="Jira",
        signature_header="x-hub-signature",
        prefix="sha256=",
        event_id="header.x-atlassian-webhook-identifier",
        event_type="body.webhookEvent",
        detection_headers=("x-atlassian-webhook-identifier",),
        note="Only webhooks that an administrator registered with a secret are signed.",
        source="https://developer.atlassian.com/cloud/jira/platform/webhooks/",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "User-Agent": "Atlassian Webhook HTTP Client",
            "X-Atlassian-Webhook-Identifier": "${uuid:delivery}",
            "X-Atlassian-Webhook-Flow": "Primary",
        },
        names={"issue_created": "jira:issue_created", "issue_updated": "jira:issue_updated"},
    ),
)
