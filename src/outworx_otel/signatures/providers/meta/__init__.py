"""Meta."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="meta",
        title="Meta",
        signature_header="x-hub-signature-256",
        prefix="sha256=",
        event_type="body.object",
        weaker_headers=(("x-hub-signature", "hmac-sha1"),),
        note="The secret is the app secret, not the verify token.",
        source="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    ),
    source_kind="docs",
    handshakes=(
        Handshake(
            method="GET",
            when={"query.hub.mode": "subscribe"},
            proof="token",
            shared="query.hub.verify_token",
            challenge="query.hub.challenge",
            text="{challenge}",
            source="https://github.com/fbsamples/graph-api-webhooks-samples/blob/main/typescript-server/src/routes/subscribe.ts",
        ),
    ),
    samples=Samples(
        headers={"User-Agent": "facebookexternalua", "Accept": "*/*"},
    ),
)
