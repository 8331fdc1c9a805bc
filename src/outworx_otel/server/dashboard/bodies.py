"""Prepares a body for a page: formatted, as it came, and as a hex dump; always bounded."""

from __future__ import annotations

import binascii
import html
import re
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from markupsafe import Markup, escape

from outworx_otel.server.dashboard.formatting import number, size, visible
from outworx_otel.telemetry.redaction import REDACTED

MAX_TEXT: Final = 64 * 1024
MAX_COLOURED: Final = 32 * 1024
MAX_HEX: Final = 4 * 1024
_MAX_FIELDS: Final = 200
# Shorter text often happens to be base64: "received" is.
_MIN_BASE64: Final = 40

Kind = Literal["JSON", "form", "text", "binary"]


class ShownBody(NamedTuple):
    """What a page needs of one body. `fields` are a form's; `notes` say what is not shown."""

    kind: Kind
    pretty: Markup | None
    fields: list[tuple[str, str]]
    raw: Markup | None
    hex: str | None
    notes: list[str]


def bytes_of(stored: str, full_size: int | None) -> bytes:
    """The bytes that an attribute stands for: text, or base64 where they are no UTF-8."""
    encoded = stored.encode("utf-8", "surrogatepass")
    if len(encoded) == full_size or (full_size is None and len(stored) < _MIN_BASE64):
        return encoded
    try:
        decoded = binascii.a2b_base64(stored)
    except (binascii.Error, ValueError):
        return encoded
    # `a2b_base64` passes over what it does not know.
    if binascii.b2a_base64(decoded, newline=False) != encoded:
        return encoded
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return decoded
    return encoded


def body_of(stored: str, full_size: int | None, content_type: str = "") -> ShownBody:
    """Everything of a body that is shown.

    Args:
        stored: the attribute's text.
        full_size: how many bytes arrived, where that is known.
        content_type: as the request said.
    """
    raw = bytes_of(stored, full_size)
    notes = []
    if REDACTED in stored:
        notes.append("Sensitive fields were redacted before this left the application.")
    elif full_size is not None and len(raw) < full_size:
        notes.append(f"{size(len(raw))} of {size(full_size)} were kept.")
    try:
        text = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        if len(raw) > MAX_HEX:
            notes.append(f"The first {size(MAX_HEX)} are shown; download the rest.")
        return ShownBody("binary", None, [], None, _hex(raw[:MAX_HEX]), notes)
    if len(text) > MAX_TEXT:
        notes.append(
            f"The first {number(MAX_TEXT)} of {number(len(text))} characters are shown; download the rest."
        )
    shown = text[:MAX_TEXT]
    plain = escape(visible(shown))
    if (pretty := _laid_out(text)) is not None:
        return ShownBody("JSON", pretty, [], plain, _hex(raw[:MAX_HEX]), notes)
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return ShownBody("form", None, _fields(shown), plain, _hex(raw[:MAX_HEX]), notes)
    return ShownBody("text", None, [], plain, _hex(raw[:MAX_HEX]), notes)


def _laid_out(text: str) -> Markup | None:
    """Returns JSON with an indent, None for what is no JSON. Digits, order and repeated names stay."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        # Whether it is JSON at all, and without its spaces; laid out, a few deep lists would be gigabytes.
        compact = msgspec.json.format(text.encode(), indent=-1).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None
    pretty = visible(_indented(compact[:MAX_TEXT]))
    return _coloured(pretty) if len(pretty) <= MAX_COLOURED else escape(pretty)


_PIECE: Final = re.compile(r"""\[\]|\{\}|[][{},:]|"[^"\\]*(?:\\.[^"\\]*)*"?|[^][{},:"]+""")


def _indented(compact: str) -> str:
    """JSON with lines and an indent of two, as far as `MAX_TEXT` goes."""
    pieces, depth, length = [], 0, 0
    for found in _PIECE.finditer(compact):
        piece = found[0]
        if piece in ("]", "}"):
            depth -= 1
            piece = f"\n{'  ' * depth}{piece}"
        elif piece in ("[", "{"):
            depth += 1
            piece += f"\n{'  ' * depth}"
        elif piece == ",":
            piece += f"\n{'  ' * depth}"
        elif piece == ":":
            piece += " "
        pieces.append(piece)
        length += len(piece)
        if length >= MAX_TEXT:
            break
    return "".join(pieces)[:MAX_TEXT]


_TOKEN: Final = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b)"""
    r"""|(?P<number>-?\d[\d.eE+-]*)"""
)


def _coloured(pretty: str) -> Markup:
    pieces, end = [], 0
    for token in _TOKEN.finditer(pretty):
        before, word = html.escape(pretty[end : token.start()]), html.escape(token[0])
        pieces.append(f'{before}<span class="j-{token.lastgroup}">{word}</span>')
        end = token.end()
    pieces.append(html.escape(pretty[end:]))
    return Markup("".join(pieces))  # noqa: S704  # every piece is escaped


def _fields(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace")[:_MAX_FIELDS]
    except ValueError:
        return []


def _hex(raw: bytes) -> str:
    """As `hexdump -C` prints it."""
    lines = []
    for start in range(0, len(raw), 16):
        row = raw[start : start + 16]
        digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:06x}  {digits:<49} {text}")
    return "\n".join(lines)
