"""Schemes whose signature stands inside the body: Adyen's payment notifications and Mailgun's events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64, decode_hex, encode_base64
from outworx_otel.signatures.forms import (
    FORM,
    MULTIPART,
    media_type,
    read_form,
    read_multipart,
    write_multipart,
)
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure


def read_json(body: bytes) -> Any:
    """The JSON of a body, or None when it has none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class AdyenItems:
    """Every item of `notificationItems` carries a signature over eight of its own fields.

    Adyen's library looks at the first item alone; here each must be right, or one true item would carry
    forged ones along. https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures
    """

    signs_url = False
    signs_body = True
    place = "JSON `additionalData.hmacSignature` of every item"

    _FIELDS = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    _HINT = "Every item of notificationItems needs an additionalData.hmacSignature over plain fields."

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        items = self._items(read_json(request.body))
        if not items:
            return Failure("malformed_header", self._HINT)
        checks = []
        for item in items:
            message = self._message(item)
            signature = _path(item, "additionalData", "hmacSignature")
            raw = decode_base64(signature) if isinstance(signature, str) else None
            if message is None or not raw:
                return Failure("malformed_header", self._HINT)
            checks.append(Check((message,), [raw]))
        return Evidence(None, tuple(checks))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        data = read_json(request.body)
        for item in self._items(data):
            message = self._message(item)
            if message is not None:
                item.setdefault("additionalData", {})["hmacSignature"] = encode_base64(signer.sign(message))
        return Signed(json.dumps(data, separators=(",", ":")).encode(), {}, request.url)

    def _items(self, data: Any) -> list[dict[str, Any]]:
        wrapped = _path(data, "notificationItems")
        items = (
            [_path(item, "NotificationRequestItem") for item in wrapped] if isinstance(wrapped, list) else []
        )
        return items if all(isinstance(item, dict) for item in items) else []

    def _message(self, item: dict[str, Any]) -> Message | None:
        values = [item.get(field) for field in self._FIELDS]
        values += [_path(item, "amount", "value"), _path(item, "amount", "currency")]
        values += [item.get("eventCode"), item.get("success")]
        texts = [_scalar(value) for value in values]
        if None in texts:
            return None
        return b":".join([(text or "").encode("utf-8", "surrogatepass") for text in texts]), b"", b""


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
        timestamp, token, text = (_path(found, name) for name in _TOKEN_FIELDS)
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
    return _path(read_json(request.body), "signature")


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


def _path(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _scalar(value: Any) -> str | None:
    """A field as Adyen writes it into the message; None for what has no plain form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None
