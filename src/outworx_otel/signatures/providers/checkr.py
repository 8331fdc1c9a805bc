"""Checkr."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="checkr",
        title="Checkr",
        signature_header="x-checkr-signature",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("x-checkr-signature",),
        note="A partner's secret is the OAuth client secret",
        source="https://github.com/checkr/embeds-reference-integration/blob/main/routes/oauth.js",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "account.credentialed": {
                "id": "${hex24:event}",
                "object": "event",
                "type": "account.credentialed",
                "created_at": "${iso}",
                "webhook_url": "https://app.example.com/checkr",
                "data": {"object": {"id": "${hex24:account}", "object": "account"}},
                "account_id": "${hex24:account}",
            }
        },
    ),
)
