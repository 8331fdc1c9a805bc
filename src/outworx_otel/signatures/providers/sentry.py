"""Sentry."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="sentry",
        title="Sentry",
        signature_header="sentry-hook-signature",
        event_id="header.request-id",
        event_type="header.sentry-hook-resource",
        detection_headers=("sentry-hook-signature",),
        note="The secret is the integration's client secret.",
        source="https://github.com/getsentry/sentry/blob/master/src/sentry/sentry_apps/models/sentry_app.py",
    ),
    source_kind="code",
    samples=Samples(
        headers={
            "Request-ID": "${uuid:request}",
            "Sentry-Hook-Resource": "${kind}",
            "Sentry-Hook-Timestamp": "${unix_text}",
        },
        payloads={
            "issue.created": {
                "action": "created",
                "installation": {"uuid": "${uuid:installation}"},
                "data": {
                    "issue": {
                        "id": "${number:issue}",
                        "title": "KeyError: honey",
                        "level": "error",
                        "status": "unresolved",
                    }
                },
                "actor": {"type": "application", "id": "sentry", "name": "Sentry"},
            }
        },
    ),
)
