"""Stripe."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="stripe",
        title="Stripe",
        signature_header="stripe-signature",
        layout="pairs",
        timestamp_field="t",
        message="{timestamp}.{body}",
        tolerance=300,
        event_id="body.id",
        event_type="body.type",
        detection_headers=("stripe-signature",),
        source="https://docs.stripe.com/webhooks/signature",
    ),
    source_kind="docs",
    secret_prefixes=("whsec_",),
    other_credentials={
        "sk_live_": "a live API key",
        "sk_test_": "a test API key",
        "rk_live_": "a live restricted key",
        "rk_test_": "a test restricted key",
        "pk_live_": "a live publishable key",
        "pk_test_": "a test publishable key",
        "we_": "the id of a Stripe endpoint",
    },
    gives_up=GivesUp(3 * 86400, "https://docs.stripe.com/webhooks"),
    samples=Samples(
        headers={
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/xml",
            "Cache-Control": "no-cache",
            "Content-Type": "application/json; charset=utf-8",
        },
        indent=2,
    ),
)
