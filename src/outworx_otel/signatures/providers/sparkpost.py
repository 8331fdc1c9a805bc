"""SparkPost."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        BASIC,
        provider="sparkpost",
        title="SparkPost",
        own_header=False,
        note="With OAuth 2.0 the token changes: give a signature_verifier.",
        source="https://support.sparkpost.com/docs/tech-resources/webhook-authentication",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "delivery": [
                {
                    "msys": {
                        "message_event": {
                            "type": "delivery",
                            "event_id": "${number:event}",
                            "rcpt_to": "nora@example.com",
                            "timestamp": "${unix}",
                        }
                    }
                }
            ]
        },
    ),
)
