"""Help Scout."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="helpscout",
        title="Help Scout",
        signature_header="x-helpscout-signature",
        encoding="base64",
        algorithm="hmac-sha1",
        event_type="header.x-helpscout-event",
        detection_headers=("x-helpscout-signature", "x-helpscout-event"),
        source="https://github.com/helpscout/helpscout-api-php/blob/master/src/Webhooks/IncomingWebhook.php",
    ),
    source_kind="code",
    samples=Samples(
        headers={"X-HelpScout-Event": "${event}"},
        payloads={
            "convo.created": {
                "id": "${number:conversation}",
                "number": 7,
                "type": "email",
                "status": "active",
                "subject": "The bees, please",
                "createdAt": "${iso}",
            }
        },
    ),
)
