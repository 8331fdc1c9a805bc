"""PandaDoc."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.pandadoc.procedure import PandadocQuery
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="pandadoc",
        title="PandaDoc",
        signature_header=(),
        procedure=PandadocQuery(),
        note="The secret is the subscription's shared key; the signature stands in the URL, and so in logs of URLs.",
        source="https://developers.pandadoc.com/docs/webhook-verification",
    ),
    source_kind="docs",
    signed="`{body}`",
    samples=Samples(
        payloads={
            "document_state_changed": [
                {
                    "event": "document_state_changed",
                    "data": {"id": "${alnum:document}", "name": "Order", "status": "document.completed"},
                }
            ]
        },
    ),
)
