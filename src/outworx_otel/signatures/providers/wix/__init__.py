"""Wix."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.providers.wix.procedure import WixToken
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="wix",
        title="Wix",
        signature_header=(),
        timestamp_field="exp",
        algorithm="rsa-sha256",
        key="public",
        tolerance=0,
        procedure=WixToken(),
        note="The secret is the app's public key; type and id of an event are inside the token.",
        source="https://www.npmjs.com/package/@wix/sdk",
    ),
    source_kind="code",
    signed="the body is the token",
    gives_up=GivesUp(169_860, "https://dev.wix.com/docs/rest/articles/getting-started/webhook-resend-policy"),
    samples=Samples(
        payloads={
            "app_installed": {
                "eventType": "AppInstalled",
                "instanceId": "${uuid:instance}",
                "data": '{"appId":"${uuid:app}"}',
            }
        },
    ),
)
