"""SendGrid."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="sendgrid",
        title="SendGrid",
        signature_header="x-twilio-email-event-webhook-signature",
        timestamp_header="x-twilio-email-event-webhook-timestamp",
        message="{timestamp}{body}",
        algorithm="ecdsa-p256-sha256",
        encoding="base64",
        key="public",
        detection_headers=("x-twilio-email-event-webhook-signature",),
        note="The secret is the verification key of the signed event webhook.",
        source="https://github.com/sendgrid/sendgrid-python/tree/main/sendgrid/helpers/eventwebhook",
    ),
    source_kind="code",
    samples=Samples(
        headers={"User-Agent": "SendGrid Event API"},
    ),
)
