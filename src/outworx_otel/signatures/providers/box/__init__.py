"""Box."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.box.procedure import BoxDelivery
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="box",
        title="Box",
        signature_header="box-signature-primary",
        encoding="base64",
        timestamp_header="box-delivery-timestamp",
        timestamp_unit="iso8601",
        tolerance=600,
        window="elapsed",
        event_id="header.box-delivery-id",
        event_type="body.trigger",
        detection_headers=("box-signature-primary",),
        procedure=BoxDelivery(),
        note="The secrets are the application's primary and secondary signature keys.",
        source="https://pypi.org/project/box-sdk-gen/",
    ),
    source_kind="code",
    signed="`{body}{timestamp}`, the body as it is or escaped",
    samples=Samples(
        headers={"Box-Delivery-Id": "${uuid:delivery}"},
        payloads={
            "FILE.UPLOADED": {
                "type": "webhook_event",
                "id": "${uuid:event}",
                "created_at": "${iso}",
                "trigger": "FILE.UPLOADED",
                "webhook": {"id": "${number:webhook}", "type": "webhook"},
                "created_by": {"type": "user", "id": "${number:user}", "name": "Nora Vale"},
                "source": {"type": "file", "id": "${number:file}", "name": "order.pdf", "size": 4210},
                "additional_info": [],
            }
        },
    ),
)
