"""Asana."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="asana",
        title="Asana",
        signature_header="x-hook-signature",
        detection_headers=("x-hook-signature",),
        note="The secret is the X-Hook-Secret of the handshake",
        source="https://github.com/Asana/devrel-examples/blob/master/python/webhooks_v5/server.py",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "changed": {
                "events": [
                    {
                        "user": {"gid": "${digits:user}", "resource_type": "user"},
                        "created_at": "${iso_ms}",
                        "action": "changed",
                        "resource": {"gid": "${digits:task}", "resource_type": "task"},
                        "parent": None,
                    }
                ]
            }
        },
    ),
)
