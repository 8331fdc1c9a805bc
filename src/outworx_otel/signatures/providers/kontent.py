"""Kontent.ai."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="kontent",
        title="Kontent.ai",
        signature_header="x-kontent-ai-signature",
        encoding="base64",
        detection_headers=("x-kontent-ai-signature",),
        source="https://github.com/kontent-ai/webhook-helper-js/blob/master/lib/signatures/signature-helper.ts",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "published": {
                "notifications": [
                    {
                        "data": {
                            "system": {
                                "id": "${uuid:item}",
                                "name": "On bees",
                                "codename": "on_bees",
                                "type": "article",
                                "last_modified": "${iso}",
                            }
                        },
                        "message": {
                            "environment_id": "${uuid:environment}",
                            "object_type": "content_item",
                            "action": "published",
                            "delivery_slot": "published",
                        },
                    }
                ]
            }
        },
    ),
)
