"""Hypotheses about the body: it reached the verifier, but not as it was sent."""

from __future__ import annotations

import ast
import re
import zlib
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlencode

from outworx_otel.signatures.diagnosis.budget import RESERIALISED_BYTES
from outworx_otel.signatures.diagnosis.case import Case, Finding, mismatch
from outworx_otel.signatures.in_body import is_form, read_form
from outworx_otel.signatures.timestamps import read_timestamp

_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
# What zlib, Python, Java and macOS write into the ninth and tenth byte of the header.
_GZIP_WRITERS = ((0, 3), (2, 3), (0, 255), (2, 255), (0, 0), (0, 19))
_MAX_LITERAL = 4096
_BYTES_REPR = re.compile(rb"b(['\"]).*\1", re.DOTALL)


def trailing_newline(case: Case) -> Finding | None:
    """Something trimmed the body, or ended it with a line break."""
    body = case.request.body
    for ending in (b"\n", b"\r\n"):
        if case.fits_body(body + ending):
            return mismatch(
                "Proved: the signature covers a trailing newline that was stripped from the body on its way; "
                "pass the body untrimmed."
            )
    trimmed = body.rstrip(b" \t\r\n")
    if trimmed != body and (case.fits_body(trimmed) or case.fits_body(body.strip())):
        return mismatch(
            "Proved: the signature covers the body without its trailing newline or white space, which was "
            "added on the way; pass the bytes as received."
        )
    return None


def line_endings(case: Case) -> Finding | None:
    """CRLF became LF, or the other way round."""
    body = case.request.body
    unix = body.replace(b"\r\n", b"\n")
    for changed, was, now in ((unix, "LF", "CRLF"), (unix.replace(b"\n", b"\r\n"), "CRLF", "LF")):
        if case.fits_body(changed):
            return mismatch(
                f"Proved: the body was signed with {was} line endings and arrived with {now}; read it as "
                "bytes, not in text mode."
            )
    return None


def byte_order_mark(case: Case) -> Finding | None:
    """A byte order mark was added or lost."""
    body = case.request.body
    if body.startswith(_BOM):
        changed, what = body[len(_BOM) :], "was put in front of"
    else:
        changed, what = _BOM + body, "was taken from"
    if case.fits_body(changed):
        return mismatch(
            f"Proved: a byte order mark (BOM) {what} the body after it was signed; pass raw bytes."
        )
    return None


def wrong_charset(case: Case) -> Finding | None:
    """UTF-8 was read as ISO-8859-1 and then written as UTF-8 again."""
    body = case.request.body
    if body.isascii():
        return None
    for charset in ("latin-1", "cp1252"):
        try:
            restored = body.decode("utf-8").encode(charset)
        except UnicodeError:
            continue
        if case.fits_body(restored):
            return mismatch(
                f"Proved: the body was decoded as {charset} and encoded again as UTF-8; pass the bytes."
            )
    return None


def printed_bytes(case: Case) -> Finding | None:
    """`str(body)` was passed: b'…' with its quotes and escapes."""
    body = case.request.body
    if len(body) > _MAX_LITERAL or not _BYTES_REPR.fullmatch(body):
        return None
    try:
        value = ast.literal_eval(body.decode("ascii"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, bytes) and case.fits_body(value):
        return mismatch(
            "Proved: str() of the bytes was passed as the body (b'…'); pass the bytes themselves."
        )
    return None


def compression(case: Case) -> Finding | None:
    """The body was decompressed after it was signed, or the other way round."""
    body = case.request.body
    if body.startswith(_GZIP_MAGIC):
        try:
            plain = zlib.decompressobj(31).decompress(body, RESERIALISED_BYTES)
        except zlib.error:
            return None
        if case.fits_body(plain):
            return mismatch(
                "Proved: the signature covers the decompressed body, and this one is still gzip; decompress it "
                "first."
            )
        return None
    encoding = case.request.headers.get("content-encoding")
    if not encoding or not body or len(body) > RESERIALISED_BYTES:
        return None
    if any(case.fits_body(compressed) for compressed in _compressed(case, body)):
        return mismatch(
            f"Proved: the signature covers the body as it was sent ({encoding[:20]}), but it was decompressed "
            "on the way; verify before anything decompresses it."
        )
    return None


def _compressed(case: Case, body: bytes) -> Iterator[bytes]:
    """The body as common gzip writers would have compressed it: level, system and time vary."""
    for level in (6, 9):
        # Compressing costs up to 60 ns a byte.
        if case.budget.seconds_left() < len(body) * 60e-9:
            case.skipped.append("Compressed forms were not all tried: no time left.")
            return
        packer = zlib.compressobj(level, zlib.DEFLATED, 31)
        packed = packer.compress(body) + packer.flush()
        for moment in _moments(case):
            stamp = moment.to_bytes(4, "little")
            for flags, system in _GZIP_WRITERS:
                yield packed[:4] + stamp + bytes((flags, system)) + packed[10:]
    packer = zlib.compressobj(6)
    yield packer.compress(body) + packer.flush()


def _moments(case: Case) -> list[int]:
    """The times that a gzip header may hold: none, or that of the signature."""
    evidence = case.verifier.extract(case.request)
    moments = [0]
    timestamp = getattr(evidence, "timestamp", None)
    unit = case.verifier.scheme.timestamp_unit
    if timestamp is not None and unit != "opaque":
        signed = read_timestamp(timestamp, unit)
        if signed is not None and 1 < signed < 0xFFFFFFFF:
            moments += [int(signed), int(signed) - 1]
    return moments


def form_encoding(case: Case) -> Finding | None:
    """A form was parsed and written again."""
    body = case.request.body
    if len(body) > RESERIALISED_BYTES or not (is_form(case.request) or _looks_like_form(body)):
        return None
    fields = read_form(body)
    if not fields:
        return None
    for order in (fields, sorted(fields)):
        for quoting in (quote_plus, quote):
            text = urlencode(order, quote_via=quoting, errors="surrogateescape")
            for form in (text, text.replace("~", "%7E"), text.replace("%2A", "*")):
                if case.fits_body(form.encode("ascii")):
                    return mismatch(
                        "Proved: the form was parsed and encoded again on its way; verify the raw body as "
                        "received."
                    )
    return None


def _looks_like_form(body: bytes) -> bool:
    return b"=" in body[:1024] and body.lstrip()[:1] not in (b"{", b"[", b"<")


def empty_body(case: Case) -> Finding | None:
    """Somebody read the body before: no proof is needed when nothing is left of it."""
    length = case.request.headers.get("content-length", "0")
    if case.request.body or not length.isdigit() or not length.strip("0"):
        return None
    return mismatch(
        "The body is empty although Content-Length is not 0: something read it before the verification; "
        "verify first, or keep the body."
    )
