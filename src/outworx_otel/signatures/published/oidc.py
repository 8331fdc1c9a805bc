"""OpenID Connect tokens that come with a push: they say who sends, and nothing about the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.published.tokens import (
    PublishedToken,
    bearer,
    outside_its_time,
    read_token,
    signed_by,
)
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.wanted_keys import Claim, PublishedKeys, Verified, WantedKey


class ExpectedToken(NamedTuple):
    """What a token must claim.

    Attributes:
        issuers: Who may have made it.
        audience: For whom.
        others: Further claims, each with the value that it must have.
    """

    issuers: tuple[str, ...]
    audience: str
    others: Mapping[str, object]


def claim_of_bearer(
    request: SignedRequest,
    expected: list[ExpectedToken],
    now: float,
    leeway: float,
    wanted: Callable[[PublishedToken, int], WantedKey],
) -> Claim | Failure:
    """What the `Authorization` of a push claims.

    Args:
        request: With that header.
        expected: By secret, in their order.
        now: Unix seconds.
        leeway: Seconds that the token's own times may be off.
        wanted: The key of a token that fits the secret of this index.
    """
    header = needed(request.headers, "authorization")
    if isinstance(header, Failure):
        return header
    text = bearer(header)
    if text is None:
        return Failure("malformed_header", "Authorization is no bearer token.")
    token = read_token(text, "RS256", "Authorization")
    if isinstance(token, Failure):
        return token
    index = next((index for index, one in enumerate(expected) if _fits(token, one)), None)
    if index is None:
        return Failure("credentials_mismatch", _mismatch(token, expected))
    if token.number("exp") is None:
        return Failure("malformed_header", "The token in Authorization does not say when it ends (exp).")
    late = outside_its_time(token, now, leeway)
    if late is not None:
        return late

    def conclude(keys: PublishedKeys) -> Verified | Failure:
        return signed_by(token, keys) or Verified(index, token.number("iat"))

    return Claim(wanted(token, index), conclude)


def _fits(token: PublishedToken, expected: ExpectedToken) -> bool:
    return (
        token.claims.get("iss") in expected.issuers
        and _is_for(token, expected.audience)
        and all(token.claims.get(name) == value for name, value in expected.others.items())
    )


def _is_for(token: PublishedToken, audience: str) -> bool:
    claimed = token.claims.get("aud")
    return claimed == audience or (isinstance(claimed, list) and audience in claimed)


def _mismatch(token: PublishedToken, expected: list[ExpectedToken]) -> str:
    """Which claim differs; neither what it claims nor what is configured is repeated."""
    one = expected[0]
    if token.claims.get("iss") not in one.issuers:
        return f"The token's iss is not {' or '.join(one.issuers)}."
    if not _is_for(token, one.audience):
        return "The token's aud is not the audience that is configured."
    wrong = [name for name, value in one.others.items() if token.claims.get(name) != value]
    return f"The token's {' and '.join(wrong)} is not what is configured."
