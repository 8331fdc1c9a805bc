"""Asana."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
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
    handshakes=(
        Handshake(
            challenge="header.x-hook-secret",
            allowed=r"[\x21-\x7e]{8,512}",
            headers={"X-Hook-Secret": "{challenge}"},
            asked=True,
            hands_over="the signing secret of this webhook",
            source="https://developers.asana.com/reference/createwebhook",
        ),
    ),
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
