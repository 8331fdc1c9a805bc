"""Sinch's Voice and Verification sign method, body, type, time and path, as their own API is called.

https://developers.sinch.com/docs/voice/api-reference/authentication/callback-signed-request
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from outworx_otel.signatures.encoding import decode_base64, encode_base64
from outworx_otel.signatures.evidence import all_needed, needed
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_AUTHORIZATION = "authorization"
_TYPE = "content-type"
_TIMESTAMP = "x-timestamp"
# `application` in the documentation, `service` in the library.
_WORDS = frozenset({"application", "service"})


class SinchCallback:
    """`Authorization: application <key>:<base64>`; the body is in the message as its MD5."""

    signs_url = True
    signs_body = True
    place = "`authorization`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, _AUTHORIZATION)
        if isinstance(value, Failure):
            return value
        word, _, credentials = value.partition(" ")
        signature = decode_base64(credentials.partition(":")[2])
        if word.lower() not in _WORDS or not signature:
            return Failure("malformed_header", "Authorization is not `application <key>:<base64>`.")
        texts = all_needed(request.headers, _TYPE, _TIMESTAMP)
        if isinstance(texts, Failure):
            return texts
        content_type, timestamp = texts
        paths = dict.fromkeys([_path(url) for url in request.urls])
        messages = [self._message(request, content_type, timestamp, path) for path in paths]
        return Evidence(timestamp, (Check(tuple(messages), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        content_type = request.headers.get(_TYPE) or "application/json"
        message = self._message(request, content_type, timestamp, _path(request.url or ""))
        return Signed(
            request.body,
            {
                _TYPE: content_type,
                _TIMESTAMP: timestamp,
                _AUTHORIZATION: f"application outworx:{encode_base64(signer.sign(message))}",
            },
            request.url,
        )

    def _message(self, request: SignedRequest, content_type: str, timestamp: str, path: str) -> Message:
        body = encode_base64(hashlib.md5(request.body, usedforsecurity=False).digest())
        lines = (request.method.upper(), body, content_type, f"{_TIMESTAMP}:{timestamp}", path)
        return "\n".join(lines).encode("utf-8", "surrogatepass"), b"", b""


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
