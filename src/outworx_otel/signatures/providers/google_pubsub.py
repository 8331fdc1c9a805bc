"""Google Cloud Pub/Sub push, and what else pushes with Google's tokens (Cloud Tasks, Cloud Scheduler, Eventarc)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.certificates import key_of_certificate
from outworx_otel.signatures.published.oidc import ExpectedToken, claim_of_bearer
from outworx_otel.signatures.published.settings import read_settings
from outworx_otel.signatures.published.tokens import PublishedToken
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.wanted_keys import Ask, Claim, KeyPlace, KeyRequest, PublishedKeys, WantedKey

_URL: Final = "https://www.googleapis.com/oauth2/v1/certs"
_PLACE: Final = KeyPlace(
    provider="Google",
    hosts=r"www\.googleapis\.com",
    paths="/oauth2/v1/certs",
    lifetime=3600,
    heeds_cache_control=True,
)
_ISSUERS: Final = ("accounts.google.com", "https://accounts.google.com")


class GooglePushes:
    """A token of Google's for a service account of yours; the body has no part in it.

    https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions and google-auth's `oauth2/id_token.py`.
    """

    signs_url = False
    signs_body = False
    place = "`authorization`"
    algorithm = "JSON Web Token, RS256"
    published_at = (
        "`www.googleapis.com/oauth2/v1/certs`; kept for as long as Cache-Control says, at most a day"
    )

    def host(self, settings: ExpectedToken) -> str:
        return "www.googleapis.com"

    def settings(self, secret: str) -> ExpectedToken:
        given = read_settings(secret, ("audience", "email"))
        return ExpectedToken(_ISSUERS, given["audience"], {"email": given["email"], "email_verified": True})

    def claim(self, request: SignedRequest, settings: Sequence[ExpectedToken], now: float) -> Claim | Failure:
        return claim_of_bearer(request, list(settings), now, 0, _wanted)


def _wanted(token: PublishedToken, index: int) -> WantedKey:
    return WantedKey(_PLACE, _URL, token.kid, load=_load)


def _load(ask: Ask) -> PublishedKeys:
    certificates = json.loads(ask(KeyRequest(_URL)).body)
    return {kid: key_of_certificate(pem.encode()) for kid, pem in certificates.items()}


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="google_pubsub",
        title="Google Cloud Pub/Sub",
        signature_header="authorization",
        encoding="base64url",
        algorithm="rsa-sha256",
        published=GooglePushes(),
        event_id="body.message.messageId",
        note='The secret is JSON: `{"audience": "...", "email": "..."}`, the audience and the service account of the '
        "subscription.",
        source="https://pypi.org/project/google-auth/",
    ),
    source_kind="code",
    signed="nothing of the request",
    samples=Samples(
        payloads={
            "message": {
                "message": {
                    "attributes": {"kind": "order"},
                    "data": "eyJvcmRlciI6IDF9",
                    "messageId": "${digits:message}",
                    "publishTime": "${iso}",
                },
                "subscription": "projects/shop/subscriptions/orders",
                "deliveryAttempt": 1,
            }
        },
    ),
)
