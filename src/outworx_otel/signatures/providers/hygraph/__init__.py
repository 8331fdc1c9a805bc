"""Hygraph."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.hygraph.procedure import HygraphSignature
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="hygraph",
        title="Hygraph",
        signature_header="gcms-signature",
        encoding="base64",
        timestamp_unit="ms",
        event_type="body.operation",
        detection_headers=("gcms-signature",),
        procedure=HygraphSignature(),
        source="https://www.npmjs.com/package/@hygraph/utils",
    ),
    source_kind="code",
    signed="JSON of the body as a text, the environment, the time",
    samples=Samples(
        payloads={
            "publish": {
                "operation": "publish",
                "data": {
                    "__typename": "Post",
                    "id": "${alnum:entry}",
                    "stage": "PUBLISHED",
                    "title": "Order",
                },
            }
        },
    ),
)
