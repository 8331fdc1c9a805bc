"""Microsoft Graph."""

from __future__ import annotations

from outworx_otel.signatures.body_token import BodyToken
from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="microsoft_graph",
        title="Microsoft Graph",
        signature_header=(),
        encoding="text",
        algorithm="token",
        message="",
        procedure=BodyToken("body.value.*.clientState"),
        note=(
            "The secret is the subscriptions' clientState, several of them if they differ; it has to "
            "be right in every item."
        ),
        source="https://github.com/microsoftgraph/microsoft-graph-docs-contrib/blob/main/concepts/change-notifications-delivery-webhooks.md",
    ),
    source_kind="code",
    signed="nothing",
    gives_up=GivesUp(
        4 * 3600,
        "https://github.com/microsoftgraph/microsoft-graph-docs-contrib/blob/main/concepts/"
        "change-notifications-delivery-webhooks.md",
    ),
    samples=Samples(
        payloads={
            "created": {
                "value": [
                    {
                        "id": "${alnum:notification}",
                        "subscriptionId": "${uuid:subscription}",
                        "clientState": "",
                        "changeType": "created",
                        "resource": "users/${uuid:user}/messages/${alnum:message}",
                        "tenantId": "${uuid:tenant}",
                    }
                ]
            }
        },
    ),
)
