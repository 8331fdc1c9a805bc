"""Netlify."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="netlify",
        title="Netlify",
        signature_header="x-webhook-signature",
        procedure=SignedToken(header="x-webhook-signature", issuer="netlify", body_claim="sha256"),
        note="The secret is the JWS secret token of the deploy notification.",
        source="https://docs.netlify.com/deploy/deploy-notifications/",
    ),
    source_kind="docs",
    signed="token with a hash of the body",
    samples=Samples(
        payloads={
            "deploy_created": {
                "id": "${hex24:deploy}",
                "site_id": "${uuid:site}",
                "state": "ready",
                "name": "shop",
                "url": "https://shop.example",
                "created_at": "${iso_ms}",
            }
        },
    ),
)
