"""Plivo's third version: the URL with its query sorted, the sorted form, and a nonce."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64, encode_base64
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.forms import is_form, read_form
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURES = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")
_NONCE = "x-plivo-signature-v3-nonce"
_MAX_FIELDS = 1000


class PlivoRequest:
    """Several signatures, with a comma in between, while a token is rotated; `-Ma-` is the main account's."""

    signs_url = True
    signs_body = True
    place = "`x-plivo-signature-v3` or `x-plivo-signature-ma-v3`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        text, nonce = needed(request.headers, *_SIGNATURES), needed(request.headers, _NONCE)
        if isinstance(text, Failure):
            return text
        if isinstance(nonce, Failure):
            return nonce
        signatures = [raw for item in text.split(",") if (raw := decode_base64(item.strip(" \t")))]
        if not signatures:
            return Failure("malformed_header", "X-Plivo-Signature-V3 has no base64.")
        fields = _fields(request)
        if isinstance(fields, Failure):
            return fields
        messages = dict.fromkeys([self._message(url, fields, nonce) for url in request.urls])
        return Evidence(None, (Check(tuple(messages), signatures),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        nonce = request.headers.get(_NONCE) or f"outworx{timestamp}"
        fields = _fields(request)
        if isinstance(fields, Failure):
            raise ConfigurationError(f"plivo: {fields.hint}")
        signature = encode_base64(signer.sign(self._message(request.url or "", fields, nonce)))
        return Signed(request.body, {_SIGNATURES[0]: signature, _NONCE: nonce}, request.url)

    def _message(self, url: str, fields: list[tuple[str, str]], nonce: str) -> Message:
        base, query = _parts(url)
        sorted_query = "&".join([f"{name}={value}" for name, value in sorted(query)])
        if sorted_query or fields:
            base += f"?{sorted_query}"
        if sorted_query and fields:
            base += "."
        sorted_fields = "".join([name + value for name, value in sorted(fields)])
        return f"{base}{sorted_fields}.{nonce}".encode("utf-8", "surrogateescape"), b"", b""


def _parts(url: str) -> tuple[str, Iterable[tuple[str, str]]]:
    """The URL without its query, and the query."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(
            parts.query, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        return url, ()
    return f"{parts.scheme}://{parts.netloc}{parts.path}", query


def _fields(request: SignedRequest) -> list[tuple[str, str]] | Failure:
    if not request.body or request.method.upper() == "GET":
        return []
    if request.headers.get("content-type") and not is_form(request):
        return Failure(
            "hmac_mismatch", "Plivo signs the fields of a form, and nothing would cover another body."
        )
    fields = read_form(request.body)
    return (
        Failure("malformed_header", "The form has more fields than Plivo would send.")
        if fields is None
        else fields
    )
