"""Mercado Pago signs what names the event (the id in the query, the request's id, a time), not the body.

https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-signature"
_REQUEST_ID = "x-request-id"
_DATA_ID = "data.id"


class MercadoPagoManifest:
    """`id:…;request-id:…;ts:…;`, without the pairs that the request does not have."""

    signs_url = True
    signs_body = False
    place = "`x-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, _SIGNATURE)
        if isinstance(value, Failure):
            return value
        fields = {}
        for item in value.split(","):
            name, _, text = item.partition("=")
            fields[name.strip(" \t").lower()] = text.strip(" \t")
        timestamp, signature = fields.get("ts", ""), decode_hex(fields.get("v1", ""))
        if not timestamp or not signature:
            return Failure("malformed_header", "X-Signature is not `ts=<time>,v1=<hex>`.")
        return Evidence(timestamp, (Check(tuple(self._messages(request, timestamp)), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        signature = signer.sign(self._messages(request, timestamp)[0]).hex()
        return Signed(request.body, {_SIGNATURE: f"ts={timestamp},v1={signature}"}, request.url)

    def _messages(self, request: SignedRequest, timestamp: str) -> list[Message]:
        """With the id as it was sent, and in lower case, as the documentation has it and the library has not."""
        data_id = _in_query(request.urls[0])
        request_id = (request.headers.get(_REQUEST_ID) or "").strip()
        manifests = []
        for one in dict.fromkeys([data_id, data_id.lower()]):
            pairs = {"id": one, "request-id": request_id, "ts": timestamp}
            manifests.append("".join([f"{name}:{text};" for name, text in pairs.items() if text]))
        return [(manifest.encode("utf-8", "surrogatepass"), b"", b"") for manifest in manifests]


def _in_query(url: str) -> str:
    # Every spelling of the URL has the same query.
    try:
        values = parse_qs(urlsplit(url).query, max_num_fields=1000).get(_DATA_ID)
    except ValueError:
        return ""
    return values[0].strip() if values else ""
