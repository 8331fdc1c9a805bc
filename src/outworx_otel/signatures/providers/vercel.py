"""Vercel."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="vercel",
        title="Vercel",
        signature_header="x-vercel-signature",
        algorithm="hmac-sha1",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("x-vercel-signature",),
        note="An integration's secret is its client secret",
        source="https://github.com/vercel/example-marketplace-integration/blob/main/app/webhook/route.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "deployment.created": {
                "id": "uev_${alnum:event}",
                "type": "deployment.created",
                "createdAt": "${unix_ms}",
                "payload": {"deployment": {"id": "dpl_${alnum:deployment}", "name": "bees"}},
            }
        },
    ),
)
