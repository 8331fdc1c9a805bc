"""Plaid."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.evidence import empty, missing
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.fetching import NoKey
from outworx_otel.signatures.published.settings import read_settings
from outworx_otel.signatures.published.tokens import read_jwk, read_token, signed_by
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.wanted_keys import (
    Ask,
    Claim,
    KeyPlace,
    KeyRequest,
    PublishedKeys,
    Verified,
    WantedKey,
)

_PLACE: Final = KeyPlace(
    provider="Plaid",
    hosts=r"(?:production|sandbox)\.plaid\.com",
    paths="/webhook_verification_key/get",
    lifetime=86_400,
)
_KID: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class _Account(NamedTuple):
    environment: str
    client_id: str
    secret: str


class PlaidTokens:
    """A token whose claim `request_body_sha256` is the body's hash; its key is asked for with one's own credentials.

    https://plaid.com/docs/api/webhooks/webhook-verification/
    """

    signs_url = False
    signs_body = True
    place = "`plaid-verification`"
    algorithm = "JSON Web Token, ES256"
    published_at = (
        "`production.plaid.com` or `sandbox.plaid.com`, as configured, with your credentials; kept for 24 h"
    )

    def host(self, settings: _Account) -> str:
        return f"{settings.environment}.plaid.com"

    def settings(self, secret: str) -> _Account:
        given = read_settings(secret, ("client_id", "secret"), ("environment",))
        environment = given.get("environment", "production").lower()
        if environment not in ("production", "sandbox"):
            raise ConfigurationError("environment must be production or sandbox")
        return _Account(environment, given["client_id"], given["secret"])

    def claim(self, request: SignedRequest, settings: Sequence[_Account], now: float) -> Claim | Failure:
        text = request.headers.get("plaid-verification")
        if not text:
            return missing(("plaid-verification",)) if text is None else empty(("plaid-verification",))
        token = read_token(text, "ES256", "Plaid-Verification")
        if isinstance(token, Failure):
            return token
        issued, claimed = token.number("iat"), token.claims.get("request_body_sha256")
        if (
            token.kid is None
            or not _KID.fullmatch(token.kid)
            or issued is None
            or not isinstance(claimed, str)
        ):
            return Failure("malformed_header", "The token lacks kid, iat or request_body_sha256.")
        if not hmac.compare_digest(claimed.encode(), hashlib.sha256(request.body).hexdigest().encode()):
            return Failure(
                "hmac_mismatch", "The token is of another body: it was changed on its way, or forged."
            )

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            return signed_by(token, keys) or Verified(0, issued)

        # The credentials only open the door to the key, and any of them will do.
        return Claim(_wanted(settings[0], token.kid), conclude)


def _wanted(account: _Account, kid: str) -> WantedKey:
    url = f"https://{account.environment}.plaid.com/webhook_verification_key/get"
    body = json.dumps({"client_id": account.client_id, "secret": account.secret, "key_id": kid}).encode()

    def load(ask: Ask) -> PublishedKeys:
        request = KeyRequest(url, "POST", (("Content-Type", "application/json"),), body)
        key = json.loads(ask(request).body)["key"]
        if key.get("expired_at") is not None:
            raise NoKey("it has expired")
        if key.get("alg", "ES256") != "ES256" or key.get("kty") != "EC":
            raise NoKey("it is of another kind than Plaid signs by")
        return {kid: read_jwk(key)}

    return WantedKey(_PLACE, url, account=f"{account.client_id} {kid}", load=load)


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="plaid",
        title="Plaid",
        signature_header="plaid-verification",
        encoding="base64url",
        algorithm="ecdsa-p256-sha256",
        published=PlaidTokens(),
        tolerance=300,
        window="past",
        event_type="body.webhook_code",
        detection_headers=("plaid-verification",),
        note='The secret is JSON: `{"client_id": "...", "secret": "...", "environment": "production"}`.',
        source="https://plaid.com/docs/api/webhooks/webhook-verification/",
    ),
    source_kind="docs",
    signed="the body's hash, in the token",
    samples=Samples(
        payloads={
            "DEFAULT_UPDATE": {
                "webhook_type": "TRANSACTIONS",
                "webhook_code": "DEFAULT_UPDATE",
                "item_id": "${alnum:item}",
                "error": None,
                "new_transactions": 3,
                "environment": "production",
            }
        },
    ),
)
