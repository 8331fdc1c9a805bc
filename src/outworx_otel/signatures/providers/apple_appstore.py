"""Apple's App Store, Server Notifications version 2."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64
from outworx_otel.signatures.json_body import member, read_plain_json
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.certificates import key_below
from outworx_otel.signatures.published.settings import read_settings
from outworx_otel.signatures.published.tokens import PublishedToken, header_of, read_token, signed_by
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.wanted_keys import Claim, PublishedKeys, Verified

_LONGEST: Final = 256 * 1024
_MARKS: Final = ("1.2.840.113635.100.6.11.1", "1.2.840.113635.100.6.2.1")
"""What a certificate for receipts and notifications has, and what the authority above it has."""
_ABOUT: Final = ("data", "summary", "externalPurchaseToken", "appData")


class _App(NamedTuple):
    bundle: str
    environment: str
    apple_id: str | None
    roots: tuple[Any, ...]


class AppStoreTokens:
    """The body holds a token with its certificates in it; they must lead to a root that is configured.

    They count at the time that the token says, as for Apple's library, which can look at revocations besides:
    https://pypi.org/project/app-store-server-library/, `signed_data_verifier.py`.
    """

    signs_url = False
    signs_body = True
    place = "`signedPayload` of the body, a token"
    algorithm = "JSON Web Signature, ES256"
    published_at = "in the token, up to a root certificate that you configure; nothing is fetched"

    def host(self, settings: _App) -> str:
        return ""

    def settings(self, secret: str) -> _App:
        from cryptography import x509

        needed = ("bundle_id", "root_certificates")
        given = read_settings(secret, needed, ("environment", "app_apple_id"))
        environment = given.get("environment", "Production").capitalize()
        if environment not in ("Production", "Sandbox"):
            raise ConfigurationError("environment must be Production or Sandbox")
        apple_id = given.get("app_apple_id")
        if environment == "Production" and apple_id is None:
            raise ConfigurationError("in Production the secret needs app_apple_id, the app's number at Apple")
        try:
            roots = x509.load_pem_x509_certificates(given["root_certificates"].encode())
        except ValueError:
            raise ConfigurationError(
                "root_certificates must be Apple's root certificates in PEM, such as Apple Root CA - G3"
            ) from None
        return _App(given["bundle_id"], environment, apple_id, tuple(roots))

    def claim(self, request: SignedRequest, settings: Sequence[_App], now: float) -> Claim | Failure:
        text = member(read_plain_json(request.body), "signedPayload")
        if not isinstance(text, str):
            return Failure("malformed_header", "The body has no signedPayload.")
        token = read_token(text, "ES256", "signedPayload", _LONGEST)
        if isinstance(token, Failure):
            return token
        signed_at, chain = token.number("signedDate"), _chain(token)
        if signed_at is None or chain is None:
            return Failure("malformed_header", "The token lacks signedDate, or its three certificates (x5c).")
        index = next((index for index, app in enumerate(settings) if _is_about(token, app)), None)
        if index is None:
            return Failure(
                "credentials_mismatch",
                "The notification is for another app (bundle_id, app_apple_id) or environment than configured.",
            )

        def conclude(_: PublishedKeys) -> Verified | Failure:
            try:
                moment = datetime.datetime.fromtimestamp(signed_at / 1000, datetime.timezone.utc)
                key = key_below(settings[index].roots, chain, _MARKS, moment)
            except (ValueError, OverflowError, OSError) as error:
                return Failure("hmac_mismatch", f"The token's certificates do not hold: {error}.")
            return signed_by(token._replace(kid=None), {"": key}) or Verified(index, signed_at / 1000)

        return Claim(None, conclude)


def _chain(token: PublishedToken) -> list[bytes] | None:
    told = header_of(token).get("x5c")
    if not isinstance(told, list) or len(told) != 3 or not all(isinstance(one, str) for one in told):
        return None
    chain = [raw for raw in map(decode_base64, told) if raw]
    return chain if len(chain) == 3 else None


def _is_about(token: PublishedToken, app: _App) -> bool:
    about = next((token.claims[name] for name in _ABOUT if token.claims.get(name)), None)
    environment = member(about, "environment")
    purchase = member(about, "externalPurchaseId")
    if about is token.claims.get("externalPurchaseToken"):
        environment = "Sandbox" if str(purchase).startswith("SANDBOX") else "Production"
    same = app.environment != "Production" or str(member(about, "appAppleId")) == app.apple_id
    return same and member(about, "bundleId") == app.bundle and environment == app.environment


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="apple_appstore",
        title="Apple App Store",
        signature_header=(),
        encoding="base64url",
        algorithm="ecdsa-p256-sha256",
        published=AppStoreTokens(),
        note='The secret is JSON: `{"bundle_id": "...", "app_apple_id": "...", "environment": "Production", '
        '"root_certificates": "..."}`, with Apple\'s root in PEM; type and id of an event are inside the token.',
        source="https://pypi.org/project/app-store-server-library/",
    ),
    source_kind="code",
    signed="`signedPayload`, a token",
    samples=Samples(
        payloads={"TEST": {"signedPayload": "${alnum:header}.${alnum:payload}.${alnum:signature}"}}
    ),
)
