"""Mailgun's events: a signature inside the body, over a timestamp and a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.forms import (
    FORM,
    MULTIPART,
    media_type,
    read_form,
    read_multipart,
    write_multipart,
)
from outworx_otel.signatures.json_body import member, read_json
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure


class MailgunToken:
    """`timestamp` and `token` are signed, and nothing else: the events themselves are not covered.

    Events come as JSON, or as a form of either kind: multipart where messages are forwarded with attachments.
    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """

    signs_url = False
    signs_body = False
    place = "JSON `signature.signature`, or the form field `signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        found = _TOKEN_READERS.get(media_type(request), _token_in_json)(request)
        timestamp, token, text = (member(found, name) for name in _TOKEN_FIELDS)
        timestamp = str(timestamp) if isinstance(timestamp, int) else timestamp
        raw = decode_hex(text) if isinstance(text, str) else None
        if not isinstance(timestamp, str) or not isinstance(token, str) or not raw:
            return Failure("malformed_header", "The body has no signature with a timestamp, a token and hex.")
        return Evidence(timestamp, (Check((self._message(timestamp, token),), [raw]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        token = "outworx" + timestamp.rjust(43, "0")
        signed = {"timestamp": timestamp, "token": token}
        signed["signature"] = signer.sign(self._message(timestamp, token)).hex()
        body = _TOKEN_WRITERS.get(media_type(request), _write_token_json)(request, signed)
        if body is None:
            raise ConfigurationError("mailgun: the body is not the form that its content type says")
        return Signed(body, {}, request.url)

    def _message(self, timestamp: str, token: str) -> Message:
        return (timestamp + token).encode("utf-8", "surrogatepass"), b"", b""


_TOKEN_FIELDS = ("timestamp", "token", "signature")


def _token_in_json(request: SignedRequest) -> Any:
    return member(read_json(request.body), "signature")


def _token_in_form(request: SignedRequest) -> Any:
    return dict(read_form(request.body) or ())


def _token_in_multipart(request: SignedRequest) -> Any:
    parts = read_multipart(request, _TOKEN_FIELDS) or {}
    return {name: part.text for name, part in parts.items()}


def _write_token_json(request: SignedRequest, signed: dict[str, str]) -> bytes:
    data = read_json(request.body)
    data = {**data, "signature": signed} if isinstance(data, dict) else {"signature": signed}
    return json.dumps(data, separators=(",", ":")).encode()


def _write_token_form(request: SignedRequest, signed: dict[str, str]) -> bytes:
    fields = [pair for pair in read_form(request.body) or () if pair[0] not in signed]
    return urlencode([*fields, *signed.items()]).encode()


_TOKEN_READERS: dict[str, Callable[[SignedRequest], Any]] = {
    FORM: _token_in_form,
    MULTIPART: _token_in_multipart,
}
_TOKEN_WRITERS: dict[str, Callable[[SignedRequest, dict[str, str]], bytes | None]] = {
    FORM: _write_token_form,
    MULTIPART: write_multipart,
}
