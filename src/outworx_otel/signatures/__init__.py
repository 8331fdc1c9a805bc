"""Webhook signatures: a table of providers, one verifier for all, and a proved cause for a failure."""

from __future__ import annotations

from outworx_otel.signatures.key_fetcher import KeyFetcher, set_key_fetcher
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
    unregister_provider,
)
from outworx_otel.signatures.result import REASONS, ResultKind, SignatureReason, SignatureResult
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.secret import KnownSecret
from outworx_otel.signatures.signing import sign, sign_request
from outworx_otel.signatures.urls import spellings
from outworx_otel.signatures.verification import forget_verifiers, verifier_for, verify
from outworx_otel.signatures.verifier import Verifier
from outworx_otel.signatures.wanted_keys import KeyAnswer, KeyRequest

__all__ = [
    "DETECTION_HEADERS",
    "REASONS",
    "KeyAnswer",
    "KeyFetcher",
    "KeyRequest",
    "KnownSecret",
    "ResultKind",
    "SignatureReason",
    "SignatureResult",
    "SignatureScheme",
    "Verifier",
    "detect",
    "forget_verifiers",
    "providers",
    "register_provider",
    "scheme_for",
    "set_key_fetcher",
    "sign",
    "sign_request",
    "spellings",
    "unregister_provider",
    "verifier_for",
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
