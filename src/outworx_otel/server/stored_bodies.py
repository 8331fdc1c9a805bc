"""A body as a span's attribute keeps it: its bytes, laid out as JSON, and as a hex dump; always bounded."""

from __future__ import annotations

import binascii
import re
from typing import Final

import msgspec

from outworx_otel.server.formatting import size
from outworx_otel.telemetry.redaction import REDACTED

MAX_TEXT: Final = 64 * 1024
MAX_HEX: Final = 4 * 1024
# Shorter text often happens to be base64: "received" is.
_MIN_BASE64: Final = 40


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


def not_whole(stored: str, raw: bytes, full_size: int | None) -> str | None:
    """Says what of a body is not what arrived; None where nothing is known of the kind."""
    if REDACTED in stored:
        return "Sensitive fields were redacted before this left the application."
    if full_size is not None and len(raw) < full_size:
        return f"{size(len(raw))} of {size(full_size)} were kept."
    return None


def laid_out(text: str) -> str | None:
    """Returns JSON with an indent, None for what is no JSON. Digits, order and repeated names stay."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        # Whether it is JSON at all, and without its spaces; laid out, a few deep lists would be gigabytes.
        compact = msgspec.json.format(text.encode(), indent=-1).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None
    return _indented(compact[:MAX_TEXT])


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


def hex_dump(raw: bytes) -> str:
    """Returns the first `MAX_HEX` bytes as `hexdump -C` prints them."""
    lines = []
    for start in range(0, min(len(raw), MAX_HEX), 16):
        row = raw[start : start + 16]
        digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:06x}  {digits:<49} {text}")
    return "\n".join(lines)
