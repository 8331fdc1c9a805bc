"""Box signs the body and the time of delivery, with two keys at once.

https://developer.box.com/guides/webhooks/v2/signatures-v2/
"""

from __future__ import annotations

import json

from outworx_otel.signatures.encoding import decode_base64, encode_base64, header_bytes
from outworx_otel.signatures.evidence import empty, missing, needed
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURES = ("box-signature-primary", "box-signature-secondary")
_TIMESTAMP = "box-delivery-timestamp"
_KIND = {"box-signature-version": "1", "box-signature-algorithm": "HmacSHA256"}


class BoxDelivery:
    """Either signature, by either key, over the body and the time: as one of them is rotated, the other holds."""

    signs_url = False
    signs_body = True
    place = "`box-signature-primary` or `box-signature-secondary`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        headers = request.headers
        texts = [headers[name] for name in _SIGNATURES if name in headers]
        if not any(texts):
            return empty(_SIGNATURES) if texts else missing(_SIGNATURES)
        timestamp = needed(headers, _TIMESTAMP)
        if isinstance(timestamp, Failure):
            return timestamp
        for name, expected in _KIND.items():
            said = needed(headers, name)
            if isinstance(said, Failure):
                return said
            if said != expected:
                return Failure("malformed_header", f"{name} is not {expected}: Box signs in another way now.")
        signatures = [raw for raw in map(decode_base64, texts) if raw]
        if not signatures:
            return Failure("malformed_header", "Neither signature of Box is base64.")
        stamp = header_bytes(timestamp)
        messages = tuple(
            [(b"", body, stamp) for body in dict.fromkeys([request.body, escaped(request.body)])]
        )
        return Evidence(timestamp, (Check(messages, signatures),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signature = encode_base64(signer.sign((b"", request.body, header_bytes(timestamp))))
        return Signed(request.body, {**_KIND, _TIMESTAMP: timestamp, _SIGNATURES[0]: signature}, request.url)


def escaped(body: bytes) -> bytes:
    """The body as some of Box's senders sign it: in ASCII, with everything else and backslashes escaped.

    By `json.dumps`, because forged bodies are escaped too, and it is quick. It writes two characters in another way,
    which stand in no JSON: a body with one of them is left as it is.
    """
    if b"\b" in body or b"\f" in body:
        return body
    written = json.dumps(body.decode("utf-8", "surrogateescape"))[1:-1]
    # Box leaves quotes alone, and a backslash in front of a slash.
    return written.replace('\\"', '"').replace("\\\\/", "\\/").encode("ascii")
