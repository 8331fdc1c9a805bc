"""Braintree's notifications: a form with a signed payload.

https://developer.paypal.com/braintree/docs/guides/webhooks/parse
"""

from __future__ import annotations

import re
from base64 import encodebytes
from urllib.parse import urlencode

from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.forms import read_form
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "bt_signature"
_PAYLOAD = "bt_payload"
_PUBLIC_KEY = "public_key"
_ALLOWED = re.compile(r"[A-Za-z0-9+/=\n]+")
# The same key answers such challenges, to anybody: the answer must be no signature of a notification.
_CHALLENGE = re.compile(r"[a-f0-9]{20,32}")


class BraintreeForm:
    """`bt_signature` holds `<public key>|<hex>` for each key, over `bt_payload`; nothing else of the form is signed.

    The pair is not chosen by the public key, as the library does: only who has the private key can have made it.
    """

    signs_url = False
    signs_body = True
    place = "the form field `bt_signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        form = read_form(request.body)
        fields = dict(form or ())
        # One value each, or the application may read another than the one that is checked.
        if form is None or sum(name in (_SIGNATURE, _PAYLOAD) for name, _ in form) != 2:
            return Failure(
                "malformed_header", "The body is no form with one bt_signature and one bt_payload."
            )
        payload = fields.get(_PAYLOAD, "")
        pairs = [pair.partition("|") for pair in fields.get(_SIGNATURE, "").split("&")]
        signatures = [raw for _, _, text in pairs if (raw := decode_hex(text))]
        if not signatures or not _ALLOWED.fullmatch(payload) or _CHALLENGE.fullmatch(payload):
            return Failure(
                "malformed_header", "The form has no bt_signature with hex and bt_payload in base64."
            )
        signed = payload.encode("ascii")
        # The last line break is lost on some ways.
        return Evidence(None, (Check(((b"", signed, b""), (b"", signed, b"\n")), signatures),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        payload = dict(read_form(request.body) or ()).get(_PAYLOAD) or request.body.decode(
            "utf-8", "surrogateescape"
        )
        if not _ALLOWED.fullmatch(payload) or _CHALLENGE.fullmatch(payload):
            payload = encodebytes(payload.encode("utf-8", "surrogateescape") or b"\n").decode()
        signature = signer.sign((b"", payload.encode("utf-8", "surrogateescape"), b"")).hex()
        form = {_SIGNATURE: f"{_PUBLIC_KEY}|{signature}", _PAYLOAD: payload}
        return Signed(urlencode(form, errors="surrogateescape").encode(), {}, request.url)
