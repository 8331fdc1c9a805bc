"""WhatsApp."""

from __future__ import annotations

from outworx_otel.signatures.families import META_SUBSCRIPTION
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="whatsapp",
        title="WhatsApp",
        signature_header="x-hub-signature-256",
        prefix="sha256=",
        event_type="body.object",
        weaker_headers=(("x-hub-signature", "hmac-sha1"),),
        note="The secret is the app secret, not the verify token.",
        source="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    ),
    source_kind="docs",
    handshakes=(META_SUBSCRIPTION,),
    samples=Samples(
        headers={"User-Agent": "facebookexternalua", "Accept": "*/*"},
    ),
)
