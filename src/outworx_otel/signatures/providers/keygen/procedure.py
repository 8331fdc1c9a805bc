"""Keygen signs method, path, host, date and a hash of the body, as an HTTP signature.

https://keygen.sh/docs/api/signatures/
"""

from __future__ import annotations

import re
from email.utils import formatdate, parsedate_to_datetime
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import SplitResult, urlsplit

from outworx_otel.signatures.encoding import decode_base64, encode_base64, header_bytes
from outworx_otel.signatures.evidence import all_needed
from outworx_otel.signatures.procedure import Check, Evidence, Message, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_SIGNATURE = "keygen-signature"
_DATE = "date"
_DIGEST = "digest"
_PARAMETER = re.compile(r'\s*([a-z]+)="([^"]*)"\s*(?:,|$)')
# The row fixes what counts, not the header.
_KIND = {"algorithm": "ed25519", "headers": "(request-target) host date digest"}


class KeygenRequest:
    """`algorithm="ed25519", signature="…", headers="(request-target) host date digest"`."""

    signs_url = True
    signs_body = True
    place = "`keygen-signature`"

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        texts = all_needed(request.headers, _SIGNATURE, _DATE, _DIGEST)
        if isinstance(texts, Failure):
            return texts
        text, date, digest = texts
        parameters = dict(_PARAMETER.findall(text))
        signature = decode_base64(parameters.get("signature", ""))
        if (
            not signature
            or len(signature) != 64
            or any(parameters.get(name) != is_ for name, is_ in _KIND.items())
        ):
            return Failure(
                "malformed_header", f"Keygen-Signature is not an ed25519 signature of {_KIND['headers']}."
            )
        moment = _read_date(date)
        if moment is None:
            return Failure("malformed_header", "Date is not a date of HTTP.")
        if not compare_digest(header_bytes(digest), _digest(request.body).encode()):
            return Failure("hmac_mismatch", "The body is not the one whose hash is in Digest.")
        messages = [
            _message(request.method, url, host, date, digest) for url in request.urls for host in _hosts(url)
        ]
        return Evidence(moment, (Check(tuple(dict.fromkeys(messages)), [signature]),))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        url, date, digest = request.url or "", formatdate(int(timestamp), usegmt=True), _digest(request.body)
        signature = encode_base64(signer.sign(_message(request.method, url, _hosts(url)[0], date, digest)))
        parameters = {**_KIND, "signature": signature}
        header = ", ".join([f'{name}="{text}"' for name, text in parameters.items()])
        return Signed(request.body, {_SIGNATURE: header, _DATE: date, _DIGEST: digest}, request.url)


def _message(method: str, url: str, host: str, date: str, digest: str) -> Message:
    parts = _parts(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = (
        f"(request-target): {method.lower()} {target}",
        f"host: {host}",
        f"date: {date}",
        f"digest: {digest}",
    )
    return "\n".join(lines).encode("utf-8", "surrogatepass"), b"", b""


def _hosts(url: str) -> tuple[str, ...]:
    """The host with its port and without."""
    netloc = _parts(url).netloc.rpartition("@")[2]
    return tuple(dict.fromkeys([netloc, re.sub(r":\d*$", "", netloc)]))


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _digest(body: bytes) -> str:
    return f"sha-256={encode_base64(sha256(body).digest())}"


def _read_date(text: str) -> str | None:
    """The Unix seconds of a date as HTTP writes it."""
    try:
        return str(int(parsedate_to_datetime(text).timestamp()))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
