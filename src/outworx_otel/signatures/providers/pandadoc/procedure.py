"""PandaDoc writes the signature of the body into the URL that it calls.

https://developers.pandadoc.com/docs/webhook-verification
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "signature"
_MAX_FIELDS = 1000


class PandadocQuery:
    """`?signature=<hex>`; nothing else of the URL is signed, but the URL has to be known."""

    signs_url = True
    signs_body = True
    place = "`signature` in the query"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        # Every spelling of the URL has the same query.
        found = [text for name, text in _query(request.urls[0]) if name == _SIGNATURE]
        signature = decode_hex(found[0]) if len(found) == 1 else None
        if not signature:
            return Failure("malformed_header", "The URL has no `signature` with hex in its query.")
        return Evidence(None, (Check(((b"", request.body, b""),), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        url = request.url or ""
        others = [pair for pair in _query(url) if pair[0] != _SIGNATURE]
        query = urlencode([*others, (_SIGNATURE, signer.sign((b"", request.body, b"")).hex())])
        return Signed(request.body, {}, urlsplit(url)._replace(query=query).geturl())


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return []
