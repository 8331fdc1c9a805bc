"""Reads from a request its signatures, its timestamp, and the message that they should fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from outworx_otel.http.headers import Headers
from outworx_otel.signatures.encoding import DECODERS, header_bytes
from outworx_otel.signatures.parsing import parser_for
from outworx_otel.signatures.procedure import Check, Evidence, Message, SignedRequest
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import Algorithm, SignatureScheme
from outworx_otel.signatures.urls import url_text

Extractor = Callable[[SignedRequest], Evidence | Failure]

NUMBERED = 100
"""DocuSign signs with up to this many keys at once, each in a header with a number."""


def as_headers(headers: object) -> Headers:
    """Headers of any usual kind, read without ever raising; what is no header is left out."""
    if isinstance(headers, Headers):
        return headers
    # Werkzeug's and Django's collections are mappings in shape, not always by registration.
    items = getattr(headers, "items", None)
    try:
        pairs: list[Any] = list(items() if callable(items) else cast("Iterable[Any]", headers))
    except TypeError:
        pairs = []
    clean = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            continue
        name, value = (item.decode("latin-1") if isinstance(item, bytes) else item for item in pair)
        if isinstance(name, str) and isinstance(value, str):
            clean.append((name, value))
    return Headers(clean)


def as_bytes(body: bytes | bytearray | memoryview | str) -> bytes:
    """The body as bytes; a text that cannot be UTF-8 is encoded all the same, and will not match."""
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)


def extractor_for(scheme: SignatureScheme) -> Extractor:
    """The function that reads a request's evidence according to the scheme."""
    if scheme.procedure is not None:
        return scheme.procedure.evidence
    return _from_headers(scheme)


def _first(names: tuple[str, ...], headers: Headers) -> str | None:
    """The first of these headers that holds something; "" if all that were sent are empty, None if none was."""
    found = None
    for name in names:
        value: str | None = headers.get(name)
        if value:
            return value
        if value is not None:
            found = value
    return found


def _signature_values(names: tuple[str, ...]) -> Callable[[Headers], list[str]]:
    if any("{n}" in name for name in names):
        all_names = dict.fromkeys(
            name.replace("{n}", str(number)) for name in names for number in range(1, NUMBERED + 1)
        )
        return lambda headers: [headers[name] for name in all_names if name in headers]

    def one(headers: Headers) -> list[str]:
        value = _first(names, headers)
        return [] if value is None else [value]

    return one


def message_templates(message: str) -> tuple[str, str, bool]:
    """The message's text before and after the body, as %-templates, and whether it holds the body."""
    before, body, after = message.replace("%", "%%").partition("{body}")
    for name in ("id", "timestamp", "url", "method"):
        before = before.replace(f"{{{name}}}", f"%({name})s")
        after = after.replace(f"{{{name}}}", f"%({name})s")
    return before, after, bool(body)


def _from_headers(scheme: SignatureScheme) -> Extractor:
    parse, decode = parser_for(scheme), DECODERS[scheme.encoding]
    signature_names: tuple[str, ...] = tuple(scheme.signature_header)
    timestamp_names: tuple[str, ...] = tuple(scheme.timestamp_header)
    id_names: tuple[str, ...] = tuple(scheme.id_header)
    read_signatures = _signature_values(signature_names)
    before_template, after_template, has_body = message_templates(scheme.message)
    needs_timestamp = bool(timestamp_names or scheme.timestamp_field)
    needs_id = "{id}" in scheme.message
    needs_url = "{url}" in scheme.message
    well_formed = _SHAPES.get(scheme.algorithm)
    format_hint = f"{display(signature_names)} is not in the form {scheme.title} uses ({form_of(scheme)})."

    def extract(request: SignedRequest) -> Evidence | Failure:
        headers = request.headers
        values = read_signatures(headers)
        if not values:
            return missing(signature_names)
        if not any(values):
            return empty(signature_names)
        fields = {"method": request.method}
        timestamp = None
        if timestamp_names:
            timestamp = _first(timestamp_names, headers)
            if not timestamp:
                return missing(timestamp_names) if timestamp is None else empty(timestamp_names)
        if needs_id:
            message_id = _first(id_names, headers)
            if not message_id:
                return missing(id_names) if message_id is None else empty(id_names)
            fields["id"] = message_id
        signatures = []
        for value in values:
            found, texts = parse(value)
            if found is not None:
                timestamp = found
            for text in texts:
                signature = decode(text)
                if signature and (well_formed is None or well_formed(signature)):
                    signatures.append(signature)
        if not signatures or (needs_timestamp and timestamp is None):
            return Failure("malformed_header", format_hint)
        if timestamp is not None:
            fields["timestamp"] = timestamp
        if needs_url:
            forms = dict.fromkeys([form for url in request.urls for form in scheme.url_forms(url)])
            messages = [write(request.body, {**fields, "url": url_text(form)}) for form in forms]
            return Evidence(timestamp, (Check(tuple(messages), signatures),))
        return Evidence(timestamp, (Check((write(request.body, fields),), signatures),))

    def write(body: bytes, fields: dict[str, str]) -> Message:
        return (
            header_bytes(before_template % fields) if before_template else b"",
            body if has_body else b"",
            header_bytes(after_template % fields) if after_template else b"",
        )

    return extract


# A public-key signature has a shape of its own; an HMAC that is cut short is simply a wrong one, and so is a token
# that is not blank.
_SHAPES: dict[Algorithm, Callable[[bytes], bool]] = {
    "token": lambda token: bool(token.strip()),
    "ed25519": lambda signature: len(signature) == 64,
    "ecdsa-p256-sha256": lambda signature: signature[0] == 0x30,
}


def needed(headers: Headers, *names: str) -> str | Failure:
    """The first of these headers that holds something, or the failure that none does."""
    value = _first(names, headers)
    if value:
        return value
    return missing(names) if value is None else empty(names)


def all_needed(headers: Headers, *names: str) -> list[str] | Failure:
    """What each of these headers holds, in their order, or the failure of the first that holds nothing."""
    values = []
    for name in names:
        value = needed(headers, name)
        if isinstance(value, Failure):
            return value
        values.append(value)
    return values


def missing(names: tuple[str, ...]) -> Failure:
    """None of these headers was sent."""
    return Failure("missing_header", f"The request has no {display(names)} header.")


def empty(names: tuple[str, ...]) -> Failure:
    """One of these headers was sent, with nothing in it."""
    return Failure("malformed_header", f"The {display(names)} header is there, but empty.")


def display(names: tuple[str, ...]) -> str:
    """Header names for people."""
    return " or ".join("-".join(part.capitalize() for part in name.split("-")) for name in names).replace(
        "{n}", "1"
    )


def form_of(scheme: SignatureScheme) -> str:
    """The form of the signature header, as a provider's documentation would show it."""
    text = {"hex": "<hex>", "base64": "<base64>", "base64url": "<base64url>", "text": "<token>"}[
        scheme.encoding
    ]
    if scheme.layout == "plain":
        return scheme.prefix + text
    if scheme.layout == "tagged":
        return f"{scheme.signature_field},{text}"
    if scheme.layout == "list":
        return f"{text},{text}"
    stamp = f"{scheme.timestamp_field}=<timestamp>{scheme.separator}" if scheme.timestamp_field else ""
    return f"{stamp}{scheme.signature_field}={text}"
