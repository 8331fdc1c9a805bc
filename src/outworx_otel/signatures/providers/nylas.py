"""Nylas."""

from __future__ import annotations

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
