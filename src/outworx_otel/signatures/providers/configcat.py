"""ConfigCat."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="configcat",
        title="ConfigCat",
        signature_header="x-configcat-webhook-signature-v1",
        layout="list",
        encoding="base64",
        id_header="x-configcat-webhook-id",
        timestamp_header="x-configcat-webhook-timestamp",
        message="{id}{timestamp}{body}",
        event_id="header.x-configcat-webhook-id",
        detection_headers=("x-configcat-webhook-id",),
        source="https://github.com/configcat/docs/blob/master/website/docs/advanced/notifications-webhooks.mdx",
    ),
    source_kind="code",
    secret_prefixes=("configcat_whsk_",),
    # The body is what the user wrote into a template.
    samples=Samples(
        payloads={
            "changed": {
                "config": "${uuid:config}",
                "environment": "${uuid:environment}",
                "changes": [
                    {"settingKey": "heather", "event": "changed", "details": "heather: false to true"}
                ],
            }
        },
    ),
)
