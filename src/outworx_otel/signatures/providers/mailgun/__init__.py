"""Mailgun."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.mailgun.procedure import MailgunToken
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mailgun",
        title="Mailgun",
        signature_header=(),
        event_id="body.event-data.id",
        event_type="body.event-data.event",
        procedure=MailgunToken(),
        note="Only a timestamp and a token are signed: nothing shows whether the event itself was changed.",
        source="https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
    ),
    source_kind="docs",
    signed="timestamp, token",
    samples=Samples(
        headers={"User-Agent": "mailgun/treq"},
    ),
)
