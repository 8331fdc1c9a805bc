"""Cloudinary hashes the body, the time and the secret, one after the other.

https://cloudinary.com/documentation/notification_signatures
"""

from __future__ import annotations

from outworx_otel.signatures.encoding import decode_hex, header_bytes
from outworx_otel.signatures.evidence import all_needed
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-cld-signature"
_TIMESTAMP = "x-cld-timestamp"
_SIZES = (20, 32)


class CloudinaryHash:
    """SHA-1, or SHA-256 where the account says so: the length tells."""

    signs_url = False
    signs_body = True
    place = "`x-cld-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        texts = all_needed(request.headers, _SIGNATURE, _TIMESTAMP)
        if isinstance(texts, Failure):
            return texts
        text, timestamp = texts
        signature = decode_hex(text)
        if not signature or len(signature) not in _SIZES:
            return Failure("malformed_header", "X-Cld-Signature is not hex of SHA-1 or SHA-256.")
        message = (request.body, header_bytes(timestamp), b"")
        return Evidence(timestamp, (Check((message,), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signature = signer.sign((request.body, header_bytes(timestamp), b"")).hex()
        return Signed(request.body, {_SIGNATURE: signature, _TIMESTAMP: timestamp}, request.url)
