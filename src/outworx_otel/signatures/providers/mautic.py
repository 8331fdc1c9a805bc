"""Mautic."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mautic",
        title="Mautic",
        signature_header="webhook-signature",
        encoding="base64",
        note="Without a secret Mautic signs with an empty key, which is not taken",
        source="https://github.com/mautic/mautic/blob/5.x/app/bundles/WebhookBundle/Http/Client.php",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "mautic.lead_post_save_new": {
                "mautic.lead_post_save_new": [
                    {
                        "contact": {
                            "id": "${number:contact}",
                            "fields": {"core": {"email": {"value": "nora@example.com"}}},
                        },
                        "timestamp": "${iso}",
                    }
                ]
            }
        },
    ),
)
