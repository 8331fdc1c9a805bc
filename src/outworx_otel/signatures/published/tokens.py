"""JSON Web Tokens, and the documents that their keys are published in. PyJWT reads and checks them."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.wanted_keys import PublishedKeys

# A token costs its reader something before anybody knows whose it is.
_LONGEST: Final = 16 * 1024
# Of a document without ids every key is tried.
_MAX_TRIED: Final = 8


class PublishedToken(NamedTuple):
    """A token as it was sent. What it claims is anybody's word until `signed_by` was asked."""

    text: str
    algorithm: str
    kid: str | None
    claims: dict[str, Any]

    def number(self, claim: str) -> float | None:
        """A claim that is a number, such as a time in Unix seconds; None where it is none."""
        value = self.claims.get(claim)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def read_token(text: str, algorithm: str, name: str, longest: int = _LONGEST) -> PublishedToken | Failure:
    """Reads a token.

    Args:
        text: What was sent.
        algorithm: The one that its provider signs by: a token never chooses.
        name: Where it was sent, for the hint.
        longest: More for one that holds the whole event.
    """
    import jwt

    try:
        if len(text) > longest:
            raise ValueError
        whole = jwt.api_jws.PyJWS().decode_complete(text, options={"verify_signature": False})
        claims = json.loads(whole["payload"])
    except (jwt.PyJWTError, ValueError, RecursionError):
        return Failure("malformed_header", f"{name} holds no JSON Web Token.")
    header = whole["header"]
    if header.get("alg") != algorithm or "crit" in header or not isinstance(claims, dict):
        return Failure("malformed_header", f"The token in {name} is not signed by {algorithm}.")
    kid = header.get("kid")
    return PublishedToken(text, algorithm, kid if isinstance(kid, str) else None, claims)


def header_of(token: PublishedToken) -> dict[str, Any]:
    """Everything in its header."""
    import jwt

    header: dict[str, Any] = jwt.get_unverified_header(token.text)
    return header


def signed_by(token: PublishedToken, keys: PublishedKeys, body: bytes | None = None) -> Failure | None:
    """None if one of the keys that count has signed the token, else why it does not hold.

    Args:
        token: As it was sent.
        keys: By their ids.
        body: What is signed, where the token does not hold it (RFC 7797).
    """
    import jwt

    if token.kid is None:
        tried = list(keys.values())[:_MAX_TRIED]
    elif token.kid in keys:
        tried = [keys[token.kid]]
    else:
        return Failure("hmac_mismatch", "The token is signed with a key that its provider does not publish.")
    for key in tried:
        try:
            jwt.api_jws.PyJWS().decode(token.text, key, algorithms=[token.algorithm], detached_payload=body)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return None
    return Failure("hmac_mismatch", "The token's signature does not match.")


def outside_its_time(token: PublishedToken, now: float, leeway: float) -> Failure | None:
    """Why a token does not count now by its own `exp` and `nbf`, as far as it has them."""
    ends, begins = token.number("exp"), token.number("nbf")
    if ends is not None and now > ends + leeway:
        return Failure("timestamp_drift", f"The token ended {now - ends:.0f} s ago by this server's clock.")
    if begins is not None and now < begins - leeway:
        return Failure("timestamp_drift", f"The token begins in {begins - now:.0f} s by this server's clock.")
    return None


def read_jwks(document: bytes) -> PublishedKeys:
    """The public keys of a JSON Web Key Set (RFC 7517), by their id or else their place; None for others."""
    described = [one for one in json.loads(document)["keys"] if isinstance(one, dict)]
    return {str(one.get("kid", place)): read_jwk(one) for place, one in enumerate(described)}


def read_jwk(described: Any) -> Any:
    """The public key that a JSON Web Key describes; None for a secret, one for encryption, and what is unknown."""
    import jwt

    if not isinstance(described, dict) or described.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if described.get("use", "sig") != "sig" or "d" in described:
        return None
    try:
        return jwt.PyJWK(described).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def bearer(value: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    kind, _, token = (value or "").strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None
