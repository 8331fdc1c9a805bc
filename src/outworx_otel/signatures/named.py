"""`verify_<provider>_signature`: the stand-alone functions, keyword by keyword as users know them.

Each takes the exact body as `bytes` or `str`, and either the value of the signature header or all headers,
and gives a bool; its `_detailed` form gives the whole `SignatureResult`.
"""

from __future__ import annotations

from outworx_otel.signatures.result import SignatureResult
from outworx_otel.signatures.secret import Secrets
from outworx_otel.signatures.verification import verify

Body = bytes | str

_HEADERS = {
    "stripe": "stripe-signature",
    "github": "x-hub-signature-256",
    "shopify": "x-shopify-hmac-sha256",
}


def _by_header(
    provider: str, body: Body, header: str | bytes | None, secret: Secrets, tolerance: float | None = None
) -> SignatureResult:
    headers = {} if header is None else {_HEADERS[provider]: header}
    return verify(provider, body, headers, secret, tolerance=tolerance)


def verify_stripe_signature_detailed(
    *, raw_body: Body, header: str | bytes | None, secret: Secrets, tolerance: float | None = None
) -> SignatureResult:
    """Verify `Stripe-Signature`; `tolerance` in seconds, 300 by default."""
    return _by_header("stripe", raw_body, header, secret, tolerance)


def verify_stripe_signature(
    *, raw_body: Body, header: str | bytes | None, secret: Secrets, tolerance: float | None = None
) -> bool:
    """Whether `Stripe-Signature` fits the body."""
    return _by_header("stripe", raw_body, header, secret, tolerance).valid


def verify_github_signature_detailed(
    *, raw_body: Body, header: str | bytes | None, secret: Secrets
) -> SignatureResult:
    """Verify `X-Hub-Signature-256`; GitHub signs no timestamp."""
    return _by_header("github", raw_body, header, secret)


def verify_github_signature(*, raw_body: Body, header: str | bytes | None, secret: Secrets) -> bool:
    """Whether `X-Hub-Signature-256` fits the body."""
    return _by_header("github", raw_body, header, secret).valid


def verify_shopify_signature_detailed(
    *, raw_body: Body, header: str | bytes | None, secret: Secrets
) -> SignatureResult:
    """Verify `X-Shopify-Hmac-Sha256`; Shopify signs no timestamp."""
    return _by_header("shopify", raw_body, header, secret)


def verify_shopify_signature(*, raw_body: Body, header: str | bytes | None, secret: Secrets) -> bool:
    """Whether `X-Shopify-Hmac-Sha256` fits the body."""
    return _by_header("shopify", raw_body, header, secret).valid


def verify_slack_signature_detailed(
    *, raw_body: Body, headers: object, secret: Secrets, tolerance: float | None = None
) -> SignatureResult:
    """Verify `X-Slack-Signature` with its timestamp header; `tolerance` in seconds, 300 by default."""
    return verify("slack", raw_body, headers, secret, tolerance=tolerance)


def verify_slack_signature(
    *, raw_body: Body, headers: object, secret: Secrets, tolerance: float | None = None
) -> bool:
    """Whether `X-Slack-Signature` fits the body."""
    return verify("slack", raw_body, headers, secret, tolerance=tolerance).valid


def verify_svix_signature_detailed(
    *, raw_body: Body, headers: object, secret: Secrets, tolerance: float | None = None
) -> SignatureResult:
    """Verify the three `svix-*` (or `webhook-*`) headers; `tolerance` in seconds, 300 by default."""
    return verify("svix", raw_body, headers, secret, tolerance=tolerance)


def verify_svix_signature(
    *, raw_body: Body, headers: object, secret: Secrets, tolerance: float | None = None
) -> bool:
    """Whether the `svix-*` headers fit the body."""
    return verify("svix", raw_body, headers, secret, tolerance=tolerance).valid


def verify_clerk_signature_detailed(
    *, raw_body: Body, headers: object, secret: Secrets, tolerance: float | None = None
) -> SignatureResult:
    """Verify a delivery of Clerk, which signs as Svix does."""
    return verify("clerk", raw_body, headers, secret, tolerance=tolerance)


def verify_clerk_signature(
    *, raw_body: Body, headers: object, secret: Secrets, tolerance: float | None = None
) -> bool:
    """Whether the `svix-*` headers of a delivery of Clerk fit the body."""
    return verify("clerk", raw_body, headers, secret, tolerance=tolerance).valid
