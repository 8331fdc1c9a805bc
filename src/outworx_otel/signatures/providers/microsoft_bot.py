"""Microsoft Bot Framework: what Teams and other channels send to a bot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.json_body import member, read_plain_json
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.oidc import ExpectedToken, claim_of_bearer
from outworx_otel.signatures.published.tokens import PublishedToken, read_jwk
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

_DISCOVERY: Final = "https://login.botframework.com/v1/.well-known/openidconfiguration"
_PLACE: Final = KeyPlace(
    provider="Microsoft Bot Framework",
    hosts=r"login\.botframework\.com",
    paths=r"/v1/\.well-known/[a-z]{1,32}",
    lifetime=86_400,
)
_ISSUERS: Final = ("https://api.botframework.com",)
_LEEWAY: Final = 300.0


class _EndorsedKey(NamedTuple):
    """A key, and the channels that it may speak for."""

    key: Any
    channels: frozenset[str]


class BotTokens:
    """A token for the bot's application, of the service that the body names; the rest of the body has no part in it.

    https://pypi.org/project/botframework-connector/, `auth/channel_validation.py`, `auth/jwt_token_extractor.py`
    """

    signs_url = False
    signs_body = False
    place = "`authorization`"
    algorithm = "JSON Web Token, RS256"
    published_at = "`login.botframework.com`, below `/v1/.well-known/`; kept for 24 h"

    def host(self, settings: str) -> str:
        return "login.botframework.com"

    def settings(self, secret: str) -> str:
        try:
            return str(UUID(secret))
        except ValueError:
            raise ConfigurationError("the secret must be the bot's application id, a GUID") from None

    def claim(self, request: SignedRequest, settings: Sequence[str], now: float) -> Claim | Failure:
        body = read_plain_json(request.body)
        service, channel = member(body, "serviceUrl"), member(body, "channelId")
        if not isinstance(service, str) or not isinstance(channel, str):
            return Failure("malformed_header", "The body is no activity: it lacks serviceUrl or channelId.")
        expected = [ExpectedToken(_ISSUERS, application, {"serviceurl": service}) for application in settings]
        claim = claim_of_bearer(request, expected, now, _LEEWAY, _wanted)
        if isinstance(claim, Failure):
            return claim

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            # A key without endorsements speaks for every channel.
            known = {kid: one.key for kid, one in keys.items() if not one.channels or channel in one.channels}
            return claim.conclude(known)

        return Claim(claim.wanted, conclude)


def _wanted(token: PublishedToken, index: int) -> WantedKey:
    return WantedKey(_PLACE, _DISCOVERY, token.kid, load=_load)


def _load(ask: Ask) -> PublishedKeys:
    where = json.loads(ask(KeyRequest(_DISCOVERY)).body)["jwks_uri"]
    described = json.loads(ask(KeyRequest(where)).body)["keys"]
    read = {one["kid"]: (read_jwk(one), frozenset(one.get("endorsements") or ())) for one in described}
    return {kid: _EndorsedKey(key, channels) for kid, (key, channels) in read.items() if key is not None}


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="microsoft_bot",
        title="Microsoft Bot Framework",
        signature_header="authorization",
        encoding="base64url",
        algorithm="rsa-sha256",
        published=BotTokens(),
        event_id="body.id",
        event_type="body.type",
        note="The secret is the bot's application id.",
        source="https://pypi.org/project/botframework-connector/",
    ),
    source_kind="code",
    signed="`serviceUrl` of the body alone",
    samples=Samples(
        payloads={
            "message": {
                "type": "message",
                "id": "${digits:activity}",
                "timestamp": "${iso}",
                "serviceUrl": "https://smba.trafficmanager.net/emea/",
                "channelId": "msteams",
                "from": {"id": "29:user", "name": "a user"},
                "conversation": {"id": "a:conversation"},
                "text": "hello",
            }
        },
    ),
)
