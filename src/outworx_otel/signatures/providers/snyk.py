"""Snyk."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="snyk",
        title="Snyk",
        signature_header="x-hub-signature",
        prefix="sha256=",
        event_id="header.x-snyk-transport-id",
        event_type="header.x-snyk-event",
        detection_headers=("x-snyk-event",),
        source="https://github.com/snyk/user-docs/blob/main/docs/snyk-api/snyk-webhooks/validation-and-versioning-of-payloads.md",
    ),
    source_kind="code",
    samples=Samples(
        headers={
            "X-Snyk-Event": "${event}",
            "X-Snyk-Transport-ID": "${uuid:delivery}",
            "X-Snyk-Timestamp": "${iso}",
            "User-Agent": "Snyk-Webhooks/1.0",
        },
        payloads={
            "project_snapshot/v0": {
                "project": {"id": "${uuid:project}", "name": "acme/shop", "type": "npm"},
                "org": {"id": "${uuid:org}"},
                "newIssues": [],
                "removedIssues": [],
            }
        },
    ),
)
