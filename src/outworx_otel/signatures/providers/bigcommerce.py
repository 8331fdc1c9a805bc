"""BigCommerce."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="bigcommerce",
        title="BigCommerce",
        key="utf8",
        event_type="body.scope",
        note="The secret is the client secret",
        source="https://github.com/bigcommerce/docs/blob/main/docs/integrations/webhooks/https-webhook-overview.mdx",
    ),
    source_kind="code",
    gives_up=GivesUp(
        2 * 86400,
        "https://github.com/bigcommerce/docs/blob/main/docs/integrations/webhooks/https-webhook-overview.mdx",
    ),
    samples=Samples(
        payloads={
            "store/order/created": {
                "store_id": "${digits7:store}",
                "producer": "stores/bees",
                "scope": "store/order/created",
                "data": {"type": "order", "id": "${number:order}"},
                "hash": "${hex40:hash}",
                "created_at": "${unix}",
            }
        },
    ),
)
