"""Buildkite."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="buildkite",
        title="Buildkite",
        signature_header="x-buildkite-signature",
        layout="pairs",
        timestamp_field="timestamp",
        signature_field="signature",
        message="{timestamp}.{body}",
        event_type="header.x-buildkite-event",
        detection_headers=("x-buildkite-event",),
        note="For webhooks that are set to send a signature; the secret is the webhook's token.",
        source="https://github.com/buildkite/docs/blob/main/pages/apis/webhooks/_verifying_hmac_signatures.md",
    ),
    source_kind="code",
    samples=Samples(
        headers={"X-Buildkite-Event": "${event}"},
        payloads={
            "build.finished": {
                "event": "build.finished",
                "build": {"id": "${uuid:build}", "number": 42, "state": "passed", "branch": "main"},
                "pipeline": {"id": "${uuid:pipeline}", "slug": "shop"},
                "sender": {"id": "${uuid:sender}", "name": "Nora Vale"},
            }
        },
    ),
)
