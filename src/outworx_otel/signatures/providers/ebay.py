"""eBay."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Final, NamedTuple

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64
from outworx_otel.signatures.evidence import empty, missing
from outworx_otel.signatures.json_body import read_json, read_plain_json
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.certificates import fits
from outworx_otel.signatures.published.settings import read_settings
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

_KEYS: Final = "/commerce/notification/v1/public_key/"
_TOKENS: Final = "/identity/v1/oauth2/token"
_PLACE: Final = KeyPlace(
    provider="eBay",
    hosts=r"api\.(?:sandbox\.)?ebay\.com",
    paths=rf"{_TOKENS}|{_KEYS}[A-Za-z0-9_-]{{1,100}}",
    lifetime=3600,
)
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_MAX_REWRITTEN: Final = 256 * 1024
_HOSTS: Final = {"production": "api.ebay.com", "sandbox": "api.sandbox.ebay.com"}


class _Account(NamedTuple):
    host: str
    client_id: str
    client_secret: str


class EbaySignatures:
    """The header is base64 of JSON with a key's id and an ECDSA signature; the key is asked for as an application.

    eBay's own library checks the body as JavaScript would write it after parsing, which is what eBay sends. Here the
    bytes count first. https://www.npmjs.com/package/event-notification-nodejs-sdk
    """

    signs_url = False
    signs_body = True
    place = "`x-ebay-signature`"
    algorithm = "ECDSA P-256 with SHA-1"
    published_at = "`api.ebay.com` or `api.sandbox.ebay.com`, by an application token of yours; kept for 1 h"

    def host(self, settings: _Account) -> str:
        return settings.host

    def settings(self, secret: str) -> _Account:
        given = read_settings(secret, ("client_id", "client_secret"), ("environment",))
        host = _HOSTS.get(given.get("environment", "production").lower())
        if host is None:
            raise ConfigurationError("environment must be production or sandbox")
        return _Account(host, given["client_id"], given["client_secret"])

    def claim(self, request: SignedRequest, settings: Sequence[_Account], now: float) -> Claim | Failure:
        header = request.headers.get("x-ebay-signature")
        if not header:
            return missing(("x-ebay-signature",)) if header is None else empty(("x-ebay-signature",))
        told = read_json(decode_base64(header) or b"")
        kid, text = (told.get("kid"), told.get("signature")) if isinstance(told, dict) else (None, None)
        signature = decode_base64(text) if isinstance(text, str) else None
        if not isinstance(kid, str) or not _KID.fullmatch(kid) or not signature:
            return Failure(
                "malformed_header", "X-Ebay-Signature is not base64 of JSON with kid and signature."
            )

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            for message in _messages(request.body):
                if fits(keys[""], "sha1", message, [signature]):
                    return Verified(0)
            return Failure("hmac_mismatch", "The signature does not match: a changed body, or a forged one.")

        # The credentials only open the door to the key, and any of them will do.
        return Claim(_wanted(settings[0], kid), conclude)


def _messages(body: bytes) -> list[bytes]:
    """The body, and the same without white space where it has any."""
    found = [body]
    if len(body) <= _MAX_REWRITTEN:
        written = json.dumps(read_plain_json(body), separators=(",", ":"), ensure_ascii=False)
        found.append(written.encode("utf-8", "surrogatepass"))
    return list(dict.fromkeys(found))


def _wanted(account: _Account, kid: str) -> WantedKey:
    url = f"https://{account.host}{_KEYS}{kid}"

    def load(ask: Ask) -> PublishedKeys:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        basic = b64encode(f"{account.client_id}:{account.client_secret}".encode()).decode()
        scope = "grant_type=client_credentials&scope=https%3A%2F%2Fapi.ebay.com%2Foauth%2Fapi_scope"
        headers = (("Authorization", f"Basic {basic}"), ("Content-Type", "application/x-www-form-urlencoded"))
        answer = ask(KeyRequest(f"https://{account.host}{_TOKENS}", "POST", headers, scope.encode()))
        token = json.loads(answer.body)["access_token"]
        key = json.loads(ask(KeyRequest(url, headers=(("Authorization", f"Bearer {token}"),))).body)["key"]
        # It is PEM without its line breaks.
        bare = "".join(re.sub(r"-----[A-Z ]+-----", "", key).split())
        public = load_der_public_key(decode_base64(bare) or b"")
        return {"": public if isinstance(public, EllipticCurvePublicKey) else None}

    return WantedKey(_PLACE, url, account=account.client_id, load=load)


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="ebay",
        title="eBay",
        signature_header="x-ebay-signature",
        encoding="base64",
        algorithm="ecdsa-p256-sha256",
        published=EbaySignatures(),
        event_id="body.notification.notificationId",
        event_type="body.metadata.topic",
        detection_headers=("x-ebay-signature",),
        note='The secret is JSON: `{"client_id": "...", "client_secret": "...", "environment": "production"}`.',
        source="https://www.npmjs.com/package/event-notification-nodejs-sdk",
    ),
    source_kind="code",
    signed="`{body}`",
    samples=Samples(
        payloads={
            "MARKETPLACE_ACCOUNT_DELETION": {
                "metadata": {
                    "topic": "MARKETPLACE_ACCOUNT_DELETION",
                    "schemaVersion": "1.0",
                    "deprecated": False,
                },
                "notification": {
                    "notificationId": "${uuid:notification}",
                    "eventDate": "${iso}",
                    "publishDate": "${iso}",
                    "publishAttemptCount": 1,
                    "data": {"username": "a-user", "userId": "${alnum:user}", "eiasToken": "${alnum:token}"},
                },
            }
        },
    ),
)
