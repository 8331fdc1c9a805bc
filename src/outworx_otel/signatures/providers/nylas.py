"""Nylas."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="nylas",
        title="Nylas",
        signature_header="x-nylas-signature",
        detection_headers=("x-nylas-signature",),
        source="https://www.npmjs.com/package/nylas",
    ),
    source_kind="code",
    handshakes=(
        Handshake(
            method="GET",
            challenge="query.challenge",
            text="{challenge}",
            source="https://github.com/nylas/nylas-nodejs/blob/main/src/resources/webhooks.ts",
        ),
    ),
    samples=Samples(
        payloads={
            "message.created": {
                "specversion": "1.0",
                "type": "message.created",
                "source": "/google/emails/realtime",
                "id": "${alnum:notification}",
                "time": "${unix}",
                "data": {
                    "application_id": "${uuid:application}",
                    "object": {"id": "${alnum:message}", "subject": "The bees are well"},
                },
            }
        },
    ),
)
