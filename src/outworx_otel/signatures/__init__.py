"""Webhook signatures: every provider a row, every failure explained and proved."""

from __future__ import annotations

from outworx_otel.signatures.named import (
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
from outworx_otel.signatures.registry import (
    DETECTION_HEADERS,
    detect,
    providers,
    register_provider,
    scheme_for,
)
from outworx_otel.signatures.result import REASONS, SignatureReason, SignatureResult
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.signing import sign, sign_request
from outworx_otel.signatures.verification import verify
from outworx_otel.signatures.verifier import KnownSecret, Verifier

__all__ = [
    "DETECTION_HEADERS",
    "REASONS",
    "KnownSecret",
    "SignatureReason",
    "SignatureResult",
    "SignatureScheme",
    "Verifier",
    "detect",
    "providers",
    "register_provider",
    "scheme_for",
    "sign",
    "sign_request",
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
