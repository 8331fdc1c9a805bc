"""Reads JSON that msgspec refuses, and counts what a document would allocate before it is read.

One half of a surrogate pair, a byte that is no UTF-8, NaN or 1e400 makes msgspec refuse a whole document; here each
costs itself alone.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, TypeVar

import msgspec

from outworx_otel.server.documents import finite

T = TypeVar("T")

MAX_PARTS: Final = 1_000_000
"""Objects, lists and their items, of one document: an empty object has two bytes, and 64 in memory."""

MAX_DEPTH: Final = 200
"""What is nested deeper is left out."""

# A text that does not end runs to the end of the document: each byte is looked at once.
_TEXT: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"?'
_TEXT_OR_PART: Final = re.compile(_TEXT + rb"|[{\[,]", re.DOTALL)
_TEXT_OR_BRACKET: Final = re.compile(_TEXT + rb"|[{}\[\]]", re.DOTALL)
_QUOTE: Final = ord('"')
_HALF: Final = re.compile("[\ud800-\udfff]")


class TooManyParts(Exception):
    """A document with more parts than one request may have."""


def check_parts(body: bytes, limit: int = MAX_PARTS) -> None:
    """Raises where a document has too many parts.

    Raises:
        TooManyParts: it has more than `limit`.
    """
    if sum(map(body.count, (b"{", b"[", b","))) <= limit:
        return
    # Texts may hold those signs too.
    parts = 0
    for found in _TEXT_OR_PART.finditer(body):
        if body[found.start()] != _QUOTE:
            parts += 1
            if parts > limit:
                raise TooManyParts(
                    f"a request may have {limit} JSON objects, lists and items: send smaller batches"
                )


def read(body: bytes) -> Any:
    """Returns the document; bytes that are no UTF-8 become halves of surrogate pairs, each another one.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return _read(body)
    except RecursionError:
        return _read(_without_what_is_deep(body))


def _read(body: bytes) -> Any:
    encoding = json.detect_encoding(body)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return json.loads(body.decode(encoding, errors), parse_int=_integer)


def _without_what_is_deep(body: bytes) -> bytes:
    """The document with null for each object and list that is more than `MAX_DEPTH` deep."""
    kept: list[bytes] = []
    depth = start = 0
    for found in _TEXT_OR_BRACKET.finditer(body):
        sign = body[found.start()]
        if sign in b"{[":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += body[start : found.start()], b"null"
        elif sign in b"}]":
            if depth == MAX_DEPTH + 1:
                start = found.end()
            depth -= 1
    if depth <= MAX_DEPTH:
        kept.append(body[start:])
    return b"".join(kept)


def cleaned(value: Any) -> Any:
    """Returns the same without what cannot be kept: U+FFFD for half a pair, NaN and infinity by their names."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, dict):
        return {readable(name): cleaned(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [cleaned(inner) for inner in value]
    return value


def converted(document: Any, decoder: msgspec.json.Decoder[T]) -> T:
    """Returns the document as what the decoder reads.

    Raises:
        ValueError: it is none.
    """
    try:
        # Told its type here: msgspec 0.23 gives none that mypy knows.
        made: T = msgspec.convert(document, decoder.type)
    except msgspec.ValidationError as error:
        # Before msgspec 0.21 it is no ValueError.
        raise ValueError(str(error)) from None
    return made


def readable(text: str) -> str:
    """Returns the text with U+FFFD for each half of a surrogate pair."""
    return text if text.isascii() else _HALF.sub("\N{REPLACEMENT CHARACTER}", text)


def _integer(digits: str) -> int | float:
    # More digits than Python reads, or than any field holds.
    return int(digits) if len(digits) <= 400 else math.inf
