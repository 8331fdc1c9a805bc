"""QuickBooks."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="quickbooks",
        title="QuickBooks",
        signature_header="intuit-signature",
        encoding="base64",
        detection_headers=("intuit-signature",),
        note="The secret is the verifier token",
        source="https://github.com/IntuitDeveloper/SampleApp-Webhooks-nodejs/blob/master/util/util.js",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "customer.create": {
                "eventNotifications": [
                    {
                        "realmId": "${digits:realm}",
                        "dataChangeEvent": {
                            "entities": [
                                {
                                    "name": "Customer",
                                    "id": "1",
                                    "operation": "Create",
                                    "lastUpdated": "${iso_ms}",
                                }
                            ]
                        },
                    }
                ]
            }
        },
    ),
)
