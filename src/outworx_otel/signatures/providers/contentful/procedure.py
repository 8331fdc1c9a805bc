"""Contentful signs method, path, the headers that it names, and the body.

https://www.contentful.com/developers/docs/extensibility/app-framework/request-verification/
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from outworx_otel.signatures.encoding import decode_hex, header_bytes
from outworx_otel.signatures.evidence import all_needed, missing
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-contentful-signature"
_TIMESTAMP = "x-contentful-timestamp"
_NAMES = "x-contentful-signed-headers"
# What JavaScript's encodeURIComponent and encodeURI leave as it is, besides letters, digits, `-`, `_`, `.` and `~`.
_IN_QUERY = "!*'()"
_IN_URI = _IN_QUERY + ";,/?:@&=+$#"


class ContentfulRequest:
    """Time and names of the signed headers are among the signed headers."""

    signs_url = True
    signs_body = True
    place = "`x-contentful-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        texts = all_needed(request.headers, _SIGNATURE, _TIMESTAMP, _NAMES)
        if isinstance(texts, Failure):
            return texts
        text, timestamp, listed = texts
        signature = decode_hex(text)
        if not signature or len(signature) != 32:
            return Failure("malformed_header", "X-Contentful-Signature is not 64 hex digits.")
        names = set(listed.split(","))
        if not {_TIMESTAMP, _NAMES} <= names:
            return Failure(
                "malformed_header", "X-Contentful-Signed-Headers does not name the time and itself."
            )
        # The library passes over a name whose header is not there, but Contentful sends all that it signs.
        absent = [name for name in names if name not in request.headers]
        if absent:
            return missing((absent[0],))
        signed = {name: request.headers[name].strip() for name in names}
        paths = dict.fromkeys([signed_path(url) for url in request.urls])
        messages = tuple([self._message(request, path, signed) for path in paths])
        return Evidence(timestamp, (Check(messages, [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signed = {_TIMESTAMP: timestamp, _NAMES: f"{_NAMES},{_TIMESTAMP}"}
        signature = signer.sign(self._message(request, signed_path(request.url or ""), signed)).hex()
        return Signed(request.body, {**signed, _SIGNATURE: signature}, request.url)

    def _message(self, request: SignedRequest, path: str, signed: dict[str, str]) -> Message:
        headers = ";".join([f"{name}:{value}" for name, value in sorted(signed.items())])
        return header_bytes(f"{request.method.upper()}\n{path}\n{headers}\n"), request.body, b""


def signed_path(url: str) -> str:
    """Path and query of a URL as Contentful's library escapes them: the query twice."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    # The library takes what stands between the first and the second question mark.
    query = quote(parts.query.partition("?")[0], safe=_IN_QUERY, errors="surrogatepass")
    return quote(f"{parts.path}?{query}" if query else parts.path, safe=_IN_URI, errors="surrogatepass")
