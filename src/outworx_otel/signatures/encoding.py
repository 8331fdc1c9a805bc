"""Signatures between text and bytes, strictly: one text per signature, nothing skipped."""

from __future__ import annotations

from binascii import Error, a2b_base64, a2b_hex, b2a_base64
from collections.abc import Callable

from outworx_otel.signatures.scheme import Encoding

_TO_URL_SAFE = str.maketrans("+/", "-_")
_FROM_URL_SAFE = str.maketrans("-_+/", "+/\0\0")


def decode_base64(text: str) -> bytes | None:
    """Bytes of canonical base64, padded or not; None for anything else.

    `a2b_base64` skips what it does not know and ignores stray bits in the last character, and its strict mode
    came with Python 3.11, so the answer is encoded again and compared.
    """
    missing = -len(text) % 4
    padded = text + "=" * missing if missing else text
    try:
        raw = a2b_base64(padded)
        return raw if b2a_base64(raw, newline=False) == padded.encode("ascii") else None
    except (Error, ValueError):
        return None


def encode_base64(raw: bytes) -> str:
    """Canonical base64 with its padding."""
    return b2a_base64(raw, newline=False).decode("ascii")


def decode_base64url(text: str) -> bytes | None:
    """Bytes of canonical URL-safe base64, padded or not; None for anything else."""
    return decode_base64(text.translate(_FROM_URL_SAFE))


def encode_base64url(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return encode_base64(raw).rstrip("=").translate(_TO_URL_SAFE)


def decode_hex(text: str) -> bytes | None:
    """Bytes of hex in either case; None for anything else."""
    try:
        return a2b_hex(text)
    except ValueError:
        return None


def header_bytes(text: str) -> bytes:
    """The bytes of a header as they were on the wire: text read as ISO-8859-1 goes back unchanged."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


DECODERS: dict[Encoding, Callable[[str], bytes | None]] = {
    "hex": decode_hex,
    "base64": decode_base64,
    "base64url": decode_base64url,
    "text": header_bytes,
}

ENCODERS: dict[Encoding, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": encode_base64,
    "base64url": encode_base64url,
    "text": lambda raw: raw.decode("latin-1"),
}
