"""Lark, and Feishu."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.lark.procedure import LarkHash
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="lark",
        title="Lark",
        signature_header="x-lark-signature",
        timestamp_header="x-lark-request-timestamp",
        algorithm="hash-sha256",
        event_id="body.header.event_id",
        event_type="body.header.event_type",
        detection_headers=("x-lark-signature",),
        procedure=LarkHash(),
        note=(
            "The secret is the encrypt key; without one Lark and Feishu sign nothing. With one, events come "
            "encrypted, so their type and id are not seen."
        ),
        source="https://pypi.org/project/lark-oapi/",
    ),
    source_kind="code",
    signed="`{timestamp}{nonce}`, the key, `{body}`",
    samples=Samples(
        payloads={
            "im.message.receive_v1": {
                "schema": "2.0",
                "header": {
                    "event_id": "${hex:event}",
                    "event_type": "im.message.receive_v1",
                    "create_time": "${unix_ms}",
                    "token": "${alnum:token}",
                    "app_id": "cli_${alnum:app}",
                    "tenant_key": "${alnum:tenant}",
                },
                "event": {"message": {"message_id": "om_${hex:message}", "content": '{"text":"Two pots"}'}},
            }
        },
    ),
)
