"""Twilio."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.twilio.procedure import TwilioRequest
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="twilio",
        title="Twilio",
        signature_header="x-twilio-signature",
        algorithm="hmac-sha1-or-sha256",
        encoding="base64",
        event_id="header.i-twilio-idempotency-token",
        detection_headers=("x-twilio-signature",),
        procedure=TwilioRequest(),
        note="The secret is the account's auth token.",
        source="https://github.com/twilio/twilio-python/blob/main/twilio/request_validator.py",
    ),
    source_kind="code",
    signed="URL, form fields or body hash",
    samples=Samples(
        headers={
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": "${uuid:event}",
        },
        content_type="application/x-www-form-urlencoded; charset=UTF-8",
    ),
)
