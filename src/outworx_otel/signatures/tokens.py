"""Signed tokens (JWT, RFC 7519) that carry hashes of the request they were sent with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, NamedTuple

from outworx_otel.signatures.encoding import (
    DECODERS,
    ENCODERS,
    decode_base64url,
    encode_base64url,
    header_bytes,
)
from outworx_otel.signatures.evidence import display, needed
from outworx_otel.signatures.json_body import read_json
from outworx_otel.signatures.procedure import Check, Evidence, Lifetime, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import Encoding

# Bytes of the signature by the algorithm's name; 0: a public key's, which has the size of the key.
_SIZES = {"HS256": 32, "HS384": 48, "HS512": 64, "RS256": 0}
_LIFE_OF_OURS = 300
_LAST_MOMENT = 1e15


class CompactToken(NamedTuple):
    """A compact token, read but not yet believed."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def read_token(text: str, algorithms: tuple[str, ...]) -> CompactToken | None:
    """A compact token in canonical base64url, signed by one of these algorithms; None for anything else.

    Stricter than most libraries, which take several spellings of one signature; and `crit` (RFC 7515, 4.1.11) is
    never understood.
    """
    parts = text.split(".")
    if len(parts) != 3:
        return None
    raw = [decode_base64url(part) for part in parts]
    header, claims = (read_json(part or b"") for part in raw[:2])
    if not isinstance(header, dict) or not isinstance(claims, dict) or not raw[2] or "crit" in header:
        return None
    algorithm = header.get("alg")
    # The row says which algorithms count, and the token only which of them it is.
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        return None
    if _SIZES[algorithm] not in (0, len(raw[2])):
        return None
    return CompactToken(header, claims, header_bytes(f"{parts[0]}.{parts[1]}"), raw[2])


def write_token(signer: Signer, algorithm: str, claims: dict[str, Any]) -> str:
    """A compact token with these claims."""
    parts = [_compact({"alg": algorithm, "typ": "JWT"}), _compact(claims)]
    signed = ".".join([encode_base64url(part) for part in parts])
    return f"{signed}.{encode_base64url(signer.sign((signed.encode(), b'', b'')))}"


def lifetime_of(claims: dict[str, Any], needed_claims: tuple[str, ...]) -> Lifetime | Failure | None:
    """When the claims `nbf` and `exp` say that a token counts; None where it has neither."""
    times: dict[str, float] = {}
    for name in ("nbf", "exp"):
        moment = _moment(claims.get(name))
        if moment is not None:
            times[name] = moment
        elif name in claims or name in needed_claims:
            return Failure("malformed_header", f"The token has no {name} that says when it counts.")
    if not times:
        return None
    return Lifetime(times.get("nbf", float("-inf")), times.get("exp", float("inf")))


@dataclass(frozen=True, kw_only=True)
class SignedToken:
    """A header holds a token, whose claims hold hashes of the body or of the URL.

    Attributes:
        header: Where the token stands.
        word: What stands in front of it, in any case, such as `Bearer`.
        algorithms: Those that count.
        issuer: What the claim `iss` must be; "" for anything.
        needs: Time claims that must be there.
        body_claim: Where the SHA-256 of the body stands; "" where the body is not signed.
        body_encoding: How that is written.
        empty_unhashed: An empty body has no such claim.
        url_claim: Where the URL, or a hash of it, stands.
        url_value: That claim's value for a method and a URL.
    """

    header: str
    word: str = ""
    algorithms: tuple[str, ...] = ("HS256",)
    issuer: str = ""
    needs: tuple[str, ...] = ()
    body_claim: str = ""
    body_encoding: Encoding = "hex"
    empty_unhashed: bool = False
    url_claim: str = ""
    url_value: Callable[[str, str], str] | None = None

    @property
    def signs_url(self) -> bool:
        return self.url_claim != ""

    @property
    def signs_body(self) -> bool:
        return self.body_claim != ""

    @property
    def place(self) -> str:
        return f"token in `{self.header}`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, self.header)
        if isinstance(value, Failure):
            return value
        token = self._read(value)
        if token is None:
            form = f"{self.word} <token>".strip()
            kinds = " or ".join(self.algorithms)
            return Failure(
                "malformed_header",
                f"{display((self.header,))} is not `{form}` with a token signed by {kinds}.",
            )
        claims = token.claims
        lifetime = lifetime_of(claims, self.needs)
        if isinstance(lifetime, Failure):
            return lifetime
        wrong = self._contradiction(request, claims)
        if wrong is not None:
            return Failure("hmac_mismatch", wrong)
        issued = _moment(claims.get("iat", claims.get("nbf")))
        timestamp = None if issued is None or lifetime is None else str(int(issued))
        return Evidence(timestamp, (Check(((token.signed, b"", b""),), [token.signature]),), lifetime)

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        now = int(timestamp)
        claims: dict[str, Any] = {"iat": now, "nbf": now, "exp": now + _LIFE_OF_OURS}
        if self.issuer:
            claims["iss"] = self.issuer
        if self.body_claim and (request.body or not self.empty_unhashed):
            claims[self.body_claim] = ENCODERS[self.body_encoding](sha256(request.body).digest())
        if self.url_value is not None:
            claims[self.url_claim] = self.url_value(request.method, request.url or "")
        token = write_token(signer, self.algorithms[0], claims)
        return Signed(request.body, {self.header: f"{self.word} {token}".strip()}, request.url)

    def _read(self, value: str) -> CompactToken | None:
        if self.word:
            word, _, value = value.partition(" ")
            if word.lower() != self.word.lower():
                return None
        return read_token(value, self.algorithms)

    def _contradiction(self, request: SignedRequest, claims: dict[str, Any]) -> str | None:
        """What the token says of the request that is not so."""
        if self.issuer and claims.get("iss") != self.issuer:
            return f"The token is not {self.issuer}'s: its iss is another."
        if not self._names_body(request, claims):
            return f"The body is not the one whose hash is in the token ({self.body_claim})."
        if not self._names_url(request, claims):
            return "The token was made for another URL."
        return None

    def _names_body(self, request: SignedRequest, claims: dict[str, Any]) -> bool:
        said = claims.get(self.body_claim)
        if not self.body_claim or (said is None and self.empty_unhashed and not request.body):
            return True
        digest = DECODERS[self.body_encoding](said) if isinstance(said, str) else None
        return digest is not None and compare_digest(digest, sha256(request.body).digest())

    def _names_url(self, request: SignedRequest, claims: dict[str, Any]) -> bool:
        if self.url_value is None:
            return True
        said = claims.get(self.url_claim)
        return isinstance(said, str) and any(
            said == self.url_value(request.method, url) for url in request.urls
        )


def hashed_url(_method: str, url: str) -> str:
    """The SHA-256 of a URL in hex."""
    return sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def url_itself(_method: str, url: str) -> str:
    """The URL."""
    return url


def _moment(value: Any) -> float | None:
    """A time claim in Unix seconds; None for what is no time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _LAST_MOMENT:
        return None
    return float(value)


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
