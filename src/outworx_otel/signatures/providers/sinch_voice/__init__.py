"""Sinch Voice and Verification."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.sinch_voice.procedure import SinchCallback
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="sinch_voice",
        title="Sinch Voice and Verification",
        signature_header="authorization",
        encoding="base64",
        key="base64",
        timestamp_header="x-timestamp",
        timestamp_unit="iso8601",
        event_type="body.event",
        procedure=SinchCallback(),
        note="The secret is the application's; the body is signed as its MD5.",
        source="https://developers.sinch.com/docs/voice/api-reference/authentication/callback-signed-request",
    ),
    source_kind="docs",
    signed="method, MD5 of the body, content type, time, path",
    samples=Samples(
        content_type="application/json",
        payloads={
            "ace": {
                "event": "ace",
                "callid": "${uuid:call}",
                "timestamp": "${iso}",
                "version": 1,
            }
        },
    ),
)
