"""Intercom."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="intercom",
        title="Intercom",
        signature_header="x-hub-signature",
        prefix="sha1=",
        algorithm="hmac-sha1",
        event_id="body.id",
        event_type="body.topic",
        note="The secret is the app's client secret.",
        source="https://developers.intercom.com/docs/webhooks/setting-up-webhooks",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "intercom-webhooks/1.0"},
    ),
)
