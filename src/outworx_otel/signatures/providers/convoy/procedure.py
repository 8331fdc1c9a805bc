"""Convoy's two forms: a bare signature of the body, and one with a time; hash and encoding are the sender's choice.

https://github.com/frain-dev/convoy/blob/main/pkg/signature/signature.go
"""

from __future__ import annotations

import re

from outworx_otel.signatures.encoding import decode_base64, decode_hex, header_bytes
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-convoy-signature"
_VERSION = re.compile(r"v\d{1,2}")
_MAX_SIGNATURES = 32


class ConvoySignature:
    """`t=…,v1=…` over time, a comma and the body; or hex or base64 over the body alone."""

    signs_url = False
    signs_body = True
    place = "`x-convoy-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, _SIGNATURE)
        if isinstance(value, Failure):
            return value
        timestamp, before = None, b""
        texts = [value]
        if "," in value or value.startswith("t="):
            pairs = [item.strip(" \t").partition("=") for item in value.split(",")]
            timestamp = next((text for name, _, text in pairs if name == "t"), "")
            texts = [text for name, _, text in pairs if _VERSION.fullmatch(name)][:_MAX_SIGNATURES]
            before = header_bytes(f"{timestamp},")
        decoded = [decode(text) for text in texts for decode in (decode_hex, decode_base64)]
        signatures = [raw for raw in decoded if raw]
        if timestamp == "" or not signatures:
            return Failure(
                "malformed_header", "X-Convoy-Signature is neither `t=<time>,v1=<hex>` nor a bare signature."
            )
        return Evidence(timestamp, (Check(((before, request.body, b""),), signatures),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signature = signer.sign((header_bytes(f"{timestamp},"), request.body, b"")).hex()
        return Signed(request.body, {_SIGNATURE: f"t={timestamp},v1={signature}"}, request.url)
