"""GoCardless."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="gocardless",
        title="GoCardless",
        signature_header="webhook-signature",
        event_id="body.meta.webhook_id",
        source="https://github.com/gocardless/gocardless-pro-python/blob/master/gocardless_pro/webhooks.py",
    ),
    source_kind="code",
    samples=Samples(
        headers={
            "User-Agent": "gocardless-webhook-service/1.1",
            "Origin": "https://api-sandbox.gocardless.com",
        },
    ),
)
