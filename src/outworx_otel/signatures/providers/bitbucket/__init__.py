"""Bitbucket."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="bitbucket",
        title="Bitbucket",
        signature_header="x-hub-signature",
        prefix="sha256=",
        event_id="header.x-request-uuid",
        event_type="header.x-event-key",
        detection_headers=("x-event-key",),
        source="https://bitbucket.org/blog/enhanced-webhook-security",
    ),
    source_kind="docs",
    samples=Samples(
        headers={
            "User-Agent": "Bitbucket-Webhooks/2.0",
            "X-Event-Key": "${event}",
            "X-Hook-UUID": "${uuid:hook}",
            "X-Request-UUID": "${uuid:delivery}",
            "X-Attempt-Number": "1",
        },
        names={"repo.push": "repo:push", "pullrequest.created": "pullrequest:created"},
    ),
)
