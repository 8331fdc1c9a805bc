"""Lark and Feishu hash time, nonce, encrypt key and body."""

from __future__ import annotations

from outworx_otel.signatures.encoding import decode_hex, header_bytes
from outworx_otel.signatures.evidence import all_needed
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-lark-signature"
_TIMESTAMP = "x-lark-request-timestamp"
_NONCE = "x-lark-request-nonce"


class LarkHash:
    """SHA-256 over all that is signed, with the key in front of the body."""

    signs_url = False
    signs_body = True
    place = "`x-lark-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        texts = all_needed(request.headers, _SIGNATURE, _TIMESTAMP, _NONCE)
        if isinstance(texts, Failure):
            return texts
        text, timestamp, nonce = texts
        signature = decode_hex(text)
        if not signature or len(signature) != 32:
            return Failure("malformed_header", "X-Lark-Signature is not hex of SHA-256.")
        message = (header_bytes(timestamp), header_bytes(nonce), request.body)
        return Evidence(timestamp, (Check((message,), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        nonce = request.headers.get(_NONCE) or f"outworx{timestamp}"
        signature = signer.sign((header_bytes(timestamp), header_bytes(nonce), request.body)).hex()
        return Signed(
            request.body, {_SIGNATURE: signature, _TIMESTAMP: timestamp, _NONCE: nonce}, request.url
        )
