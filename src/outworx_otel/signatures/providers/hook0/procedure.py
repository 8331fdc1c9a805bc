"""Hook0 signs a time, the headers that it names, and the body; before, it signed no headers."""

from __future__ import annotations

from outworx_otel.signatures.encoding import decode_hex, header_bytes
from outworx_otel.signatures.evidence import needed
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "x-hook0-signature"
_NAMED_BY_US = "x-event-id"
# Each name copies its header into the message, and a forger may name a long one again and again.
_MOST_NAMES = 32


class Hook0Signature:
    """`t=…,h=<names>,v1=…` over time, names, values and body; `t=…,v0=…` over time and body."""

    signs_url = False
    signs_body = True
    place = "`x-hook0-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        value = needed(request.headers, _SIGNATURE)
        if isinstance(value, Failure):
            return value
        fields = {}
        for item in value.split(","):
            name, _, text = item.partition("=")
            fields[name.strip(" \t")] = text.strip(" \t")
        timestamp = fields.get("t")
        # As in its library, v0 counts for nothing beside a v1.
        signature = decode_hex(fields.get("v1", fields.get("v0", "")))
        if not timestamp or not signature:
            return Failure("malformed_header", "X-Hook0-Signature has no time or no hex in v1 or v0.")
        before = f"{timestamp}."
        if "v1" in fields:
            names, values = fields.get("h", "").lower().split(), []
            if len(names) > _MOST_NAMES:
                return Failure("malformed_header", "X-Hook0-Signature names more headers than a request has.")
            for name in names:
                signed = needed(request.headers, name)
                if isinstance(signed, Failure):
                    return signed
                values.append(signed)
            before += _of_headers(names, values)
        return Evidence(timestamp, (Check(((header_bytes(before), request.body, b""),), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        event_id = request.headers.get(_NAMED_BY_US) or f"outworx-{timestamp}"
        before = f"{timestamp}." + _of_headers([_NAMED_BY_US], [event_id])
        signature = signer.sign((header_bytes(before), request.body, b"")).hex()
        header = f"t={timestamp},h={_NAMED_BY_US},v1={signature}"
        return Signed(request.body, {_SIGNATURE: header, _NAMED_BY_US: event_id}, request.url)


def _of_headers(names: list[str], values: list[str]) -> str:
    return f"{' '.join(names)}.{'.'.join(values)}."
