"""MailerSend."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mailersend",
        title="MailerSend",
        signature_header="signature",
        event_type="body.type",
        source="https://www.npmjs.com/package/mailersend",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "activity.sent": {
                "type": "activity.sent",
                "domain_id": "${alnum:domain}",
                "created_at": "${iso}",
                "webhook_id": "${alnum:webhook}",
                "data": {"object": "activity", "id": "${alnum:activity}", "type": "sent"},
            }
        },
    ),
)
