"""Recurly writes the time first and then one signature or several, with commas in between.

https://docs.recurly.com/recurly-subscriptions/docs/signature-verification
"""

from __future__ import annotations

from outworx_otel.signatures.encoding import decode_hex, header_bytes
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "recurly-signature"


class RecurlySignature:
    """`<time>,<hex>,<hex>…`."""

    signs_url = False
    signs_body = True
    place = "`recurly-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, _SIGNATURE)
        if isinstance(value, Failure):
            return value
        timestamp, *texts = [item.strip(" \t") for item in value.split(",")]
        signatures = [raw for text in texts if (raw := decode_hex(text))]
        if not signatures:
            return Failure("malformed_header", "Recurly-Signature is not `<time>,<hex>`.")
        message = (header_bytes(f"{timestamp}."), request.body, b"")
        return Evidence(timestamp, (Check((message,), signatures),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signature = signer.sign((header_bytes(f"{timestamp}."), request.body, b"")).hex()
        return Signed(request.body, {_SIGNATURE: f"{timestamp},{signature}"}, request.url)
