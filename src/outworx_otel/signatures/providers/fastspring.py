"""FastSpring."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="fastspring",
        title="FastSpring",
        signature_header="x-fs-signature",
        encoding="base64",
        source="https://developer.fastspring.com/docs/message-security",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "order.completed": {
                "events": [
                    {
                        "id": "${alnum:event}",
                        "live": True,
                        "processed": False,
                        "type": "order.completed",
                        "created": "${unix_ms}",
                        "data": {"order": "${alnum:order}"},
                    }
                ]
            }
        },
    ),
)
