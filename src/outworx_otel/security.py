"""The names that users of `outworx_hooks.security` import; they live in `outworx_otel.signatures`."""

from __future__ import annotations

from outworx_otel.signatures import (
    SignatureResult,
    verify,
    verify_clerk_signature,
    verify_clerk_signature_detailed,
    verify_github_signature,
    verify_github_signature_detailed,
    verify_shopify_signature,
    verify_shopify_signature_detailed,
    verify_slack_signature,
    verify_slack_signature_detailed,
    verify_stripe_signature,
    verify_stripe_signature_detailed,
    verify_svix_signature,
    verify_svix_signature_detailed,
)

__all__ = [
    "SignatureResult",
    "verify",
    "verify_clerk_signature",
    "verify_clerk_signature_detailed",
    "verify_github_signature",
    "verify_github_signature_detailed",
    "verify_shopify_signature",
    "verify_shopify_signature_detailed",
    "verify_slack_signature",
    "verify_slack_signature_detailed",
    "verify_stripe_signature",
    "verify_stripe_signature_detailed",
    "verify_svix_signature",
    "verify_svix_signature_detailed",
]
