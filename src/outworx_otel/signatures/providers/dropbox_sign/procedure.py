"""Dropbox Sign's events: a signature inside the form's JSON, over the event's time and type."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.forms import MULTIPART, media_type, read_form, read_multipart, write_multipart
from outworx_otel.signatures.json_body import member, read_json
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_FIELD = "json"
_LARGEST = 1024 * 1024


class DropboxSignEvent:
    """`event_hash` covers `event_time` and `event_type`, and nothing else: not what was signed, nor by whom."""

    signs_url = False
    signs_body = False
    place = "JSON `event.event_hash` in the form field `json`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        event = member(read_json(_json_in(request)), "event")
        time, kind, text = (member(event, name) for name in ("event_time", "event_type", "event_hash"))
        time = str(time) if isinstance(time, int) and not isinstance(time, bool) else time
        signature = decode_hex(text) if isinstance(text, str) else None
        if not isinstance(time, str) or not isinstance(kind, str) or not signature:
            return Failure(
                "malformed_header", "The form has no json with event_time, event_type and event_hash."
            )
        return Evidence(time, (Check((self._message(time, kind),), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        data: Any = read_json(_json_in(request))
        data = data if isinstance(data, dict) else {}
        event = data.get("event")
        event = (
            {"event_type": "callback_test", **event}
            if isinstance(event, dict)
            else {"event_type": "callback_test"}
        )
        event["event_time"] = timestamp
        kind = event["event_type"] = str(event["event_type"])
        event["event_hash"] = signer.sign(self._message(timestamp, kind)).hex()
        fields = {_FIELD: json.dumps({**data, "event": event}, separators=(",", ":"))}
        if media_type(request) != MULTIPART:
            return Signed(urlencode(fields).encode(), {}, request.url)
        body = write_multipart(request, fields)
        if body is None:
            raise ConfigurationError("dropbox_sign: the body is not the form that its content type says")
        return Signed(body, {}, request.url)

    def _message(self, time: str, kind: str) -> Message:
        return (time + kind).encode("utf-8", "surrogatepass"), b"", b""


def _json_in(request: SignedRequest) -> bytes:
    if media_type(request) == MULTIPART:
        part = (read_multipart(request, (_FIELD,), _LARGEST) or {}).get(_FIELD)
        text = part.text if part is not None else ""
    else:
        text = dict(read_form(request.body) or ()).get(_FIELD, "")
    return text.encode("utf-8", "surrogateescape")
