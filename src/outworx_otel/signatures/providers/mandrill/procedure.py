"""Mandrill signs the URL and the form's fields, sorted."""

from __future__ import annotations

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64, encode_base64
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.forms import is_form, read_form
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-mandrill-signature"


class MandrillRequest:
    """The URL as it was entered at Mandrill, then name and value of every field."""

    signs_url = True
    signs_body = True
    place = "`x-mandrill-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        text = needed(request.headers, _SIGNATURE)
        if isinstance(text, Failure):
            return text
        signature = decode_base64(text)
        if not signature:
            return Failure("malformed_header", "X-Mandrill-Signature is not base64.")
        fields = _fields(request)
        if isinstance(fields, Failure):
            return fields
        messages = tuple([_message(url, fields) for url in request.urls])
        return Evidence(None, (Check(messages, [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        fields = _fields(request)
        if isinstance(fields, Failure):
            raise ConfigurationError(f"mandrill: {fields.hint}")
        signature = encode_base64(signer.sign(_message(request.url or "", fields)))
        return Signed(request.body, {_SIGNATURE: signature}, request.url)


def _fields(request: SignedRequest) -> bytes | Failure:
    if request.body and request.headers.get("content-type") and not is_form(request):
        return Failure(
            "hmac_mismatch", "Mandrill signs the fields of a form, and nothing would cover another body."
        )
    fields = read_form(request.body)
    if fields is None:
        return Failure("malformed_header", "The form has more fields than Mandrill would send.")
    return "".join([name + value for name, value in sorted(fields)]).encode("utf-8", "surrogateescape")


def _message(url: str, fields: bytes) -> Message:
    return url.encode("utf-8", "surrogatepass"), fields, b""
