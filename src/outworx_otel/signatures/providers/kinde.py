"""Kinde."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.own_domain import index_of, key_set_at
from outworx_otel.signatures.published.tokens import outside_its_time, read_token, signed_by
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.wanted_keys import Claim, PublishedKeys, Verified, WantedKey

_LONGEST: Final = 256 * 1024


class KindeTokens:
    """The body is a token that holds the event, by a key of the business's own.

    https://www.npmjs.com/package/@kinde/webhooks
    """

    signs_url = False
    signs_body = True
    place = "the body, a token"
    algorithm = "JSON Web Token, RS256"
    published_at = "`/.well-known/jwks.json` at the domain that you configure; kept for 1 h"

    def host(self, settings: WantedKey) -> str:
        return settings.host

    def settings(self, secret: str) -> WantedKey:
        return key_set_at(secret, "Kinde", "https://business.kinde.com")

    def claim(self, request: SignedRequest, settings: Sequence[WantedKey], now: float) -> Claim | Failure:
        token = read_token(request.body.decode("latin-1"), "RS256", "the body", _LONGEST)
        if isinstance(token, Failure):
            return token
        # The same keys sign the tokens that the business's users have, who could send one here.
        if not all(isinstance(token.claims.get(name), str) for name in ("type", "event_id")):
            return Failure("malformed_header", "The token is of no event: it lacks type or event_id.")
        late = outside_its_time(token, now, 0)
        if late is not None:
            return late
        # The issuer chooses among the domains that are configured, and no other.
        index = index_of(token.claims.get("iss"), settings)

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            return signed_by(token, keys) or Verified(index, token.number("iat"))

        return Claim(settings[index].of(token.kid), conclude)


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="kinde",
        title="Kinde",
        signature_header=(),
        encoding="base64url",
        algorithm="rsa-sha256",
        published=KindeTokens(),
        note="The secret is your Kinde domain; type and id of an event are inside the token.",
        source="https://www.npmjs.com/package/@kinde/webhooks",
    ),
    source_kind="code",
    signed="the body is the token",
    samples=Samples(
        payloads={
            "user.created": {
                "type": "user.created",
                "event_id": "event_${alnum:event}",
                "event_timestamp": "${iso}",
                "source": "user",
                "data": {"user": {"id": "kp_${alnum:user}", "first_name": "a", "email": "a@example.com"}},
            }
        },
    ),
)
