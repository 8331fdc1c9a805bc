"""Hygraph signs a JSON document that holds the body as a text, the environment and the time."""

from __future__ import annotations

import json

from outworx_otel.signatures.encoding import decode_base64, encode_base64
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "gcms-signature"
_ENVIRONMENT = "master"


class HygraphSignature:
    """`sign=<base64>, env=<name>, t=<milliseconds>`, in this order."""

    signs_url = False
    signs_body = True
    place = "`gcms-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, _SIGNATURE)
        if isinstance(value, Failure):
            return value
        fields = [item.partition("=") for item in value.split(", ")]
        signature = decode_base64(fields[0][2])
        names = [name for name, _, _ in fields]
        if names != ["sign", "env", "t"] or not signature or not fields[2][2].isdecimal():
            return Failure("malformed_header", "Gcms-Signature is not `sign=<base64>, env=<name>, t=<time>`.")
        environment, timestamp = fields[1][2], fields[2][2]
        return Evidence(
            timestamp, (Check((self._message(request.body, environment, timestamp),), [signature]),)
        )

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signature = encode_base64(signer.sign(self._message(request.body, _ENVIRONMENT, timestamp)))
        header = f"sign={signature}, env={_ENVIRONMENT}, t={timestamp}"
        return Signed(request.body, {_SIGNATURE: header}, request.url)

    def _message(self, body: bytes, environment: str, timestamp: str) -> Message:
        return (
            b'{"Body":',
            _written(body.decode("utf-8", "surrogateescape")),
            b',"EnvironmentName":' + _written(environment) + f',"TimeStamp":{timestamp}}}'.encode(),
        )


def _written(text: str) -> bytes:
    """A JSON string as JavaScript writes it; bytes that are no UTF-8 stay as they are and match nothing."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape")
