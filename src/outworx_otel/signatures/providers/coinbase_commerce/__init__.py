"""Coinbase Commerce."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="coinbase_commerce",
        title="Coinbase Commerce",
        signature_header="x-cc-webhook-signature",
        event_id="body.event.id",
        event_type="body.event.type",
        detection_headers=("x-cc-webhook-signature",),
        source="https://github.com/coinbase/coinbase-commerce-python/blob/master/coinbase_commerce/webhook.py",
    ),
    source_kind="code",
    gives_up=GivesUp(3 * 86400, "https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-overview"),
    samples=Samples(
        headers={"User-Agent": "weipay-webhooks"},
        names={"charge.created": "charge:created", "charge.confirmed": "charge:confirmed"},
    ),
)
