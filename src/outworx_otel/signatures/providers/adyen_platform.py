"""Adyen for Platforms."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="adyen_platform",
        title="Adyen for Platforms",
        signature_header="hmacsignature",
        encoding="base64",
        key="hex",
        event_type="body.type",
        detection_headers=("hmacsignature",),
        note="For the webhooks of Balance Platform and Management; those of payments are adyen",
        source="https://pypi.org/project/Adyen/",
    ),
    source_kind="code",
    samples=Samples(
        headers={"Protocol": "HmacSHA256"},
        payloads={
            "balancePlatform.accountHolder.updated": {
                "data": {
                    "balancePlatform": "AcmePlatform",
                    "accountHolder": {"id": "AH${digits20:holder}", "status": "active"},
                },
                "environment": "test",
                "type": "balancePlatform.accountHolder.updated",
            }
        },
    ),
)
