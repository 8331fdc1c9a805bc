"""Adyen's payment notifications: a signature inside the body for every item."""

from __future__ import annotations

import json
from typing import Any

from outworx_otel.signatures.encoding import decode_base64, encode_base64
from outworx_otel.signatures.json_body import member, read_json
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure


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
            signature = member(item, "additionalData", "hmacSignature")
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
        wrapped = member(data, "notificationItems")
        items = (
            [member(item, "NotificationRequestItem") for item in wrapped] if isinstance(wrapped, list) else []
        )
        return items if all(isinstance(item, dict) for item in items) else []

    def _message(self, item: dict[str, Any]) -> Message | None:
        values = [item.get(field) for field in self._FIELDS]
        values += [member(item, "amount", "value"), member(item, "amount", "currency")]
        values += [item.get("eventCode"), item.get("success")]
        texts = [_scalar(value) for value in values]
        if None in texts:
            return None
        return b":".join([(text or "").encode("utf-8", "surrogatepass") for text in texts]), b"", b""


def _scalar(value: Any) -> str | None:
    """A field as Adyen writes it into the message; None for what has no plain form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None
