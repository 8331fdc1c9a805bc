"""Schemes that sign something made of the body, such as a form's field; the signature is plain hex."""

from __future__ import annotations

from collections.abc import Callable

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.evidence import display, empty, missing
from outworx_otel.signatures.forms import is_form, read_form
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

Payload = Callable[[SignedRequest], bytes | Failure]

_FIELD = "payload"


class SignedPayload:
    """Reads the signature from a header of its own and compares it with the payload's.

    Args:
        header: Where the signature stands, in lower case.
        payload: What is signed of a request, or why nothing can be.
        unsigned: What the header holds where the sender has no secret.
    """

    signs_url = False
    signs_body = True

    def __init__(self, header: str, payload: Payload, unsigned: str = "") -> None:
        self._header = header
        self._payload = payload
        self._unsigned = unsigned

    @property
    def place(self) -> str:
        return f"`{self._header}`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        names = (self._header,)
        text = request.headers.get(self._header)
        if not text:
            return missing(names) if text is None else empty(names)
        if text == self._unsigned:
            hint = f"{display(names)} says {text}: it is not signed, because its sender has no secret. Set one there."
            return Failure("missing_header", hint)
        signature = decode_hex(text)
        if not signature:
            return Failure("malformed_header", f"{display(names)} is not hex.")
        payload = self._payload(request)
        if isinstance(payload, Failure):
            return payload
        return Evidence(None, (Check(((b"", payload, b""),), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        payload = self._payload(request)
        if isinstance(payload, Failure):
            raise ConfigurationError(payload.hint or payload.reason)
        return Signed(request.body, {self._header: signer.sign((b"", payload, b"")).hex()}, request.url)


def whole_body(request: SignedRequest) -> bytes:
    """The body as it was received."""
    return request.body


def form_payload(request: SignedRequest) -> bytes | Failure:
    """The field `payload` of a URL-encoded form that has no other, as Gogs and Gitea write it; or the whole body."""
    if not is_form(request):
        return request.body
    fields = read_form(request.body) or []
    # A field beside it would be covered by nothing.
    if [name for name, _ in fields] != [_FIELD]:
        return Failure(
            "hmac_mismatch", f"The form has not {_FIELD} as its only field, which is what is signed."
        )
    return fields[0][1].encode("utf-8", "surrogateescape")
