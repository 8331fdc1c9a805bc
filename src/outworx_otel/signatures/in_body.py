"""Schemes whose signature stands inside the body: Adyen's payment notifications and Mailgun's events."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from outworx_otel.signatures.encoding import decode_base64, decode_hex, encode_base64
from outworx_otel.signatures.procedure import Check, Evidence, Message, Request, Signed, Signer
from outworx_otel.signatures.result import Failure

_MAX_FORM_FIELDS = 1000
FORM = "application/x-www-form-urlencoded"


def read_json(body: bytes) -> Any:
    """The JSON of a body, or None when it has none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def is_form(request: Request) -> bool:
    """Whether the request says that its body is a form."""
    declared: str = request.headers.get("content-type") or ""
    return declared.partition(";")[0].strip().lower() == FORM


def read_form(body: bytes) -> list[tuple[str, str]] | None:
    """A form's fields in order, or None when there are absurdly many."""
    try:
        return parse_qsl(
            body.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError:
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

    def evidence(self, request: Request) -> Evidence | Failure:
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

    def sign(self, signer: Signer, request: Request, timestamp: str) -> Signed:
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

    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """

    signs_url = False
    signs_body = False
    place = "JSON `signature.signature`, or the form field `signature`"

    def evidence(self, request: Request) -> Evidence | Failure:
        if is_form(request):
            found: Any = dict(read_form(request.body) or ())
        else:
            found = _path(read_json(request.body), "signature")
        timestamp, token, text = (_path(found, name) for name in ("timestamp", "token", "signature"))
        timestamp = str(timestamp) if isinstance(timestamp, int) else timestamp
        raw = decode_hex(text) if isinstance(text, str) else None
        if not isinstance(timestamp, str) or not isinstance(token, str) or not raw:
            return Failure("malformed_header", "The body has no signature with a timestamp, a token and hex.")
        return Evidence(timestamp, (Check((self._message(timestamp, token),), [raw]),))

    def sign(self, signer: Signer, request: Request, timestamp: str) -> Signed:
        token = "outworx" + timestamp.rjust(43, "0")
        signed = {"timestamp": timestamp, "token": token}
        signed["signature"] = signer.sign(self._message(timestamp, token)).hex()
        if is_form(request):
            fields = [pair for pair in read_form(request.body) or () if pair[0] not in signed]
            return Signed(urlencode([*fields, *signed.items()]).encode(), {}, request.url)
        data = read_json(request.body)
        data = {**data, "signature": signed} if isinstance(data, dict) else {"signature": signed}
        return Signed(json.dumps(data, separators=(",", ":")).encode(), {}, request.url)

    def _message(self, timestamp: str, token: str) -> Message:
        return (timestamp + token).encode("utf-8", "surrogatepass"), b"", b""


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
