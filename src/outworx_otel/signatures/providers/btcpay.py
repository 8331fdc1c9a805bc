"""BTCPay Server."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="btcpay",
        title="BTCPay Server",
        signature_header="btcpay-sig",
        prefix="sha256=",
        event_id="body.originalDeliveryId",
        event_type="body.type",
        detection_headers=("btcpay-sig",),
        source="https://github.com/btcpayserver/btcpayserver/blob/master/BTCPayServer/Plugins/Webhooks/WebhookSender.cs",
    ),
    source_kind="code",
    gives_up=GivesUp(
        3670,
        "https://github.com/btcpayserver/btcpayserver/blob/master/BTCPayServer/Plugins/Webhooks/WebhookSender.cs",
    ),
    samples=Samples(
        payloads={
            "InvoiceSettled": {
                "deliveryId": "${alnum:delivery}",
                "webhookId": "${alnum:webhook}",
                "originalDeliveryId": "${alnum:delivery}",
                "isRedelivery": False,
                "type": "InvoiceSettled",
                "timestamp": "${unix}",
                "storeId": "${alnum:store}",
                "invoiceId": "${alnum:invoice}",
            }
        },
    ),
)
