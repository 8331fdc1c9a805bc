"""Reads the fields of a form that a signature looks at: URL-encoded, or multipart/form-data (RFC 7578)."""

from __future__ import annotations

from collections.abc import Collection
from email.message import Message
from email.parser import HeaderParser
from typing import NamedTuple
from urllib.parse import parse_qsl

from outworx_otel.signatures.encoding import header_bytes
from outworx_otel.signatures.procedure import SignedRequest

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_MAX_FIELDS = 1000
_MAX_PARTS = 200
# Of a content type, of a part's headers, and of a field's value.
_MAX_BYTES = 1024


class Part(NamedTuple):
    """One field of a multipart form: its text, and where its part, boundary included, stands in the body."""

    text: str
    begin: int
    end: int


def media_type(request: SignedRequest) -> str:
    """The type that the request declares for its body, without parameters; "" when it declares none."""
    declared: str = request.headers.get("content-type") or ""
    return declared.partition(";")[0].strip().lower()


def is_form(request: SignedRequest) -> bool:
    """Whether the request says that its body is a URL-encoded form."""
    return media_type(request) == FORM


def read_form(body: bytes) -> list[tuple[str, str]] | None:
    """The fields of a URL-encoded form in order, or None when there are absurdly many."""
    try:
        return parse_qsl(
            body.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        return None


def read_multipart(
    request: SignedRequest, names: Collection[str], most: int = _MAX_BYTES
) -> dict[str, Part] | None:
    """Those fields of a multipart form that are asked for.

    Files are passed over by looking for the boundary alone, so that a large attachment costs next to nothing.

    Args:
        request: Its content type holds the boundary.
        names: The names of the fields to read.
        most: The longest text of such a field.

    Returns:
        The fields by name; None when the form is broken or has more than 200 parts, when one of these fields
        occurs twice, or when its text is longer than `most`.
    """
    found: dict[str, Part] = {}
    boundary = multipart_boundary(request)
    places = None if boundary is None else _places(request.body, b"--" + boundary)
    if places is None:
        return None
    wanted = [f'"{name}"'.encode() for name in names] + [f"={name}".encode() for name in names]
    for begin, content, end in places:
        # The blank line that ends the headers may follow the boundary at once, where a part has none.
        blank = request.body.find(b"\r\n\r\n", content - 2, min(end, content + _MAX_BYTES))
        head = request.body[content : max(blank, content)]
        if not any(name in head for name in wanted):
            continue
        name = _field_name(head)
        if name is None or name not in names:
            continue
        if name in found or end - blank > most:
            return None
        text = request.body[blank + 4 : end].decode("utf-8", "surrogateescape")
        found[name] = Part(text, begin, end + 2)
    return found


def write_multipart(request: SignedRequest, fields: dict[str, str]) -> bytes | None:
    """The body with these fields in front of its others, in place of those of the same names.

    Returns:
        None when the body is not a multipart form that can be read; an empty body becomes one.
    """
    boundary = multipart_boundary(request)
    if boundary is None:
        return None
    delimiter = b"--" + boundary
    body = request.body or delimiter + b"--\r\n"
    old = read_multipart(request._replace(body=body), fields)
    if old is None:
        return None
    for part in sorted(old.values(), key=lambda part: part.begin, reverse=True):
        body = body[: part.begin] + body[part.end :]
    first = body.index(delimiter)
    written = b"".join(
        delimiter + f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    )
    return body[:first] + written + body[first:]


def multipart_boundary(request: SignedRequest) -> bytes | None:
    """The boundary that the content type names, or None where it names none."""
    declared: str = request.headers.get("content-type") or ""
    if len(declared) > _MAX_BYTES or media_type(request) != MULTIPART:
        return None
    message = Message()
    message["content-type"] = declared
    boundary = _parameter(message, "content-type", "boundary")
    return header_bytes(boundary) if boundary else None


def _places(body: bytes, delimiter: bytes) -> list[tuple[int, int, int]] | None:
    """Of each part: where its boundary begins, where its content begins, and where it ends."""
    places: list[tuple[int, int, int]] = []
    begin = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if begin == 1:
        return None
    while len(places) <= _MAX_PARTS:
        after = begin + len(delimiter)
        if body.startswith(b"--", after):
            return places
        line_end = body.find(b"\r\n", after, after + _MAX_BYTES)
        if line_end < 0 or body[after:line_end].strip(b" \t"):
            return None
        # A part without headers begins with the blank line, which may be the boundary's own line end.
        following = body.find(b"\r\n" + delimiter, line_end)
        if following < 0:
            return None
        places.append((begin, line_end + 2, following))
        begin = following + 2
    return None


def _field_name(head: bytes) -> str | None:
    """The name of a field, from the headers of its part; None for a file."""
    message = HeaderParser().parsestr(head.decode("latin-1"))
    if _parameter(message, "content-disposition", "filename") is not None:
        return None
    return _parameter(message, "content-disposition", "name")


def _parameter(message: Message, header: str, name: str) -> str | None:
    try:
        value = message.get_param(name, header=header)
    except Exception:  # noqa: BLE001 - the parser raises many kinds for parameters in RFC 2231's encoding
        return None
    # A tuple is a value in RFC 2231's encoding, which RFC 7578 forbids in forms.
    return value if isinstance(value, str) else None
