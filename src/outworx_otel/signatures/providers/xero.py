"""Xero."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="xero",
        title="Xero",
        signature_header="x-xero-signature",
        encoding="base64",
        detection_headers=("x-xero-signature",),
        source="https://github.com/XeroAPI/xero-php-webhook/blob/master/index.php",
    ),
    source_kind="code",
    handshakes=(
        Handshake(
            when={"body.events": []},
            present=("body.entropy",),
            proof="signature",
            bare_rejection=True,
            source="https://developer.xero.com/documentation/webhooks/configuring-your-server",
        ),
    ),
    samples=Samples(
        payloads={
            "invoice.update": {
                "events": [
                    {
                        "resourceUrl": "https://api.xero.com/api.xro/2.0/Invoices/${uuid:invoice}",
                        "resourceId": "${uuid:invoice}",
                        "eventDateUtc": "${iso_ms}",
                        "eventType": "Update",
                        "eventCategory": "INVOICE",
                        "tenantId": "${uuid:tenant}",
                        "tenantType": "ORGANISATION",
                    }
                ],
                "lastEventSequence": 1,
                "firstEventSequence": 1,
                "entropy": "${upper20:entropy}",
            }
        },
    ),
)
