"""Mandrill, which Mailchimp calls Mailchimp Transactional."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.mandrill.procedure import MandrillRequest
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mandrill",
        title="Mandrill",
        signature_header="x-mandrill-signature",
        algorithm="hmac-sha1",
        encoding="base64",
        detection_headers=("x-mandrill-signature",),
        procedure=MandrillRequest(),
        note="The URL is the one that was entered at Mandrill; the secret is the webhook's key.",
        source="https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
    ),
    source_kind="docs",
    signed="URL, form fields",
    handshakes=(
        Handshake(
            method="HEAD",
            source="https://mandrill.zendesk.com/hc/en-us/articles/360038740014",
        ),
    ),
    samples=Samples(
        content_type="application/x-www-form-urlencoded",
    ),
)
