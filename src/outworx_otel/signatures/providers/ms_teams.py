"""Microsoft Teams."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="ms_teams",
        title="Microsoft Teams",
        signature_header="authorization",
        prefix="HMAC ",
        encoding="base64",
        key="base64",
        note="For outgoing webhooks; the secret is the security token",
        source="https://github.com/OfficeDev/msteams-samples-outgoing-webhook-nodejs/blob/master/app.js",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "message": {
                "type": "message",
                "id": "${unix_ms}",
                "timestamp": "${iso_ms}",
                "text": "<at>Bees</at> how are you?",
                "from": {"id": "29:${alnum:user}", "name": "Nora"},
            }
        },
    ),
)
