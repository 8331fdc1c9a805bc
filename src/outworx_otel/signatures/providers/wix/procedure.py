"""Wix sends the event as a signed token, which is the whole body."""

from __future__ import annotations

from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.tokens import lifetime_of, read_token, write_token

_ALGORITHM = "RS256"
_LIFE_OF_OURS = 300


class WixToken:
    """The event stands as text in the claim `data`."""

    signs_url = False
    signs_body = True
    place = "the body, a token"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        token = read_token(request.body.decode("latin-1"), (_ALGORITHM,))
        if token is None:
            return Failure("malformed_header", f"The body is no token signed by {_ALGORITHM}.")
        lifetime = lifetime_of(token.claims, ())
        if isinstance(lifetime, Failure):
            return lifetime
        return Evidence(None, (Check(((token.signed, b"", b""),), [token.signature]),), lifetime)

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        now = int(timestamp)
        # What is signed anew is a token already.
        old = read_token(request.body.decode("latin-1"), (_ALGORITHM,))
        data = request.body.decode("utf-8", "surrogateescape") if old is None else old.claims.get("data")
        claims = {"data": data, "iss": "wix.com", "iat": now, "exp": now + _LIFE_OF_OURS}
        return Signed(write_token(signer, _ALGORITHM, claims).encode(), {}, request.url)
