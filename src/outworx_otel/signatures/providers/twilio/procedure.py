"""Twilio signs the URL and the form's fields, or a URL that holds a hash of the body.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64, encode_base64
from outworx_otel.signatures.evidence import empty, missing
from outworx_otel.signatures.forms import MULTIPART, is_form, media_type, read_form
from outworx_otel.signatures.keys import LengthKey
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.urls import port_forms

_SIGNATURE = "x-twilio-signature"
_SETTINGS = "x-twilio-webhooks-signature-settings"
_LENGTHS = {"HMAC_SHA1": 20, "HMAC_SHA256": 32}
_BODY_HASH = "bodySHA256"
_NOT_COVERED = "The URL has no bodySHA256, so nothing would cover a body that is no form."
_MULTIPART = (
    "Twilio sends and signs URL-encoded forms only, and this one is multipart/form-data: something on the way wrote "
    "it anew, or Twilio did not send it."
)


class TwilioRequest:
    """Forms sign the URL followed by every name and value; other bodies a URL that holds `bodySHA256`."""

    signs_url = True
    signs_body = True
    place = "`X-Twilio-Signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        text = request.headers.get(_SIGNATURE)
        if not text:
            return missing((_SIGNATURE,)) if text is None else empty((_SIGNATURE,))
        algorithm = announced_algorithm(request)
        length = _LENGTHS.get(algorithm)
        if length is None:
            return Failure(
                "malformed_header", "X-Twilio-Webhooks-Signature-Settings names an unknown algorithm."
            )
        signature = decode_base64(text)
        if not signature or len(signature) != length:
            return Failure("malformed_header", f"X-Twilio-Signature is not base64 of an {algorithm} digest.")
        # Every spelling of the URL has the same query, decoded, and so the same suffix.
        suffix = self._suffix(request, request.urls[0])
        if isinstance(suffix, Failure):
            return suffix
        forms = dict.fromkeys([form for url in request.urls for form in port_forms(url)])
        messages = tuple([(form.encode("utf-8", "surrogatepass"), suffix, b"") for form in forms])
        return Evidence(None, (Check(messages, [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        url = request.url or ""
        if request.body and not is_form(request) and _body_hash(url) is None:
            separator = "&" if urlsplit(url).query else "?"
            url = f"{url}{separator}{_BODY_HASH}={hashlib.sha256(request.body).hexdigest()}"
        suffix = self._suffix(request, url)
        if isinstance(suffix, Failure):
            raise ConfigurationError(f"twilio: {suffix.hint}")
        if isinstance(signer, LengthKey):
            signer = signer.of_length(_LENGTHS.get(announced_algorithm(request), 20))
        signature = signer.sign((url.encode("utf-8", "surrogatepass"), suffix, b""))
        return Signed(request.body, {_SIGNATURE: encode_base64(signature)}, url)

    def _suffix(self, request: SignedRequest, url: str) -> bytes | Failure:
        """What follows the URL in the message; for a body with a hash in the URL that is nothing."""
        expected = _body_hash(url)
        if expected is not None and not (is_form(request) and request.body):
            actual = hashlib.sha256(request.body).hexdigest()
            if not compare_digest(actual.encode(), expected.lower().encode("utf-8", "surrogatepass")):
                return Failure(
                    "hmac_mismatch", "The body is not the one whose hash is in the URL (bodySHA256)."
                )
            return b""
        declared = request.headers.get("content-type")
        if request.body and declared and not is_form(request):
            return Failure("hmac_mismatch", _MULTIPART if media_type(request) == MULTIPART else _NOT_COVERED)
        fields = read_form(request.body)
        if fields is None:
            return Failure("malformed_header", "The form has more fields than Twilio would send.")
        return _form_text(fields)


def announced_algorithm(request: SignedRequest) -> str:
    """The algorithm that the request announces: SHA-1 unless newer settings say otherwise."""
    settings: str = request.headers.get(_SETTINGS) or ""
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _body_hash(url: str) -> str | None:
    try:
        values = parse_qs(urlsplit(url).query, max_num_fields=1000).get(_BODY_HASH)
    except ValueError:
        return None
    return values[0] if values else None


def _form_text(fields: list[tuple[str, str]]) -> bytes:
    # A set, because Twilio's library drops repeated values of one name before it signs.
    return "".join([name + value for name, value in sorted(set(fields))]).encode("utf-8", "surrogateescape")
