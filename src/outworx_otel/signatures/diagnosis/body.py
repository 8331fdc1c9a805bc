"""Hypotheses about the body: it reached the verifier, but not as it was sent."""

from __future__ import annotations

import ast
import operator
import re
import zlib
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote, quote_plus, urlencode

from outworx_otel.signatures.diagnosis.budget import RESERIALISED_BYTES
from outworx_otel.signatures.diagnosis.case import Case, Explanation, Trial
from outworx_otel.signatures.forms import is_form, read_form
from outworx_otel.signatures.timestamps import read_timestamp

_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
# What zlib, Python, Java and macOS write into the ninth and tenth byte of the header.
_GZIP_WRITERS = ((0, 3), (2, 3), (0, 255), (2, 255), (0, 0), (0, 19))
_MAX_LITERAL = 4096
_BYTES_REPR = re.compile(rb"b(['\"]).*\1", re.DOTALL)

_STRIPPED = Explanation(
    "Proved: the signature covers a trailing newline that was stripped from the body on its way; pass the body "
    "untrimmed."
)
_ADDED = Explanation(
    "Proved: the signature covers the body without its trailing newline or white space, which was added on the way; "
    "pass the bytes as received."
)
_PRINTED = Explanation("Proved: str() of the bytes was passed as the body (b'…'); pass the bytes themselves.")
_STILL_GZIP = Explanation(
    "Proved: the signature covers the decompressed body, and this one is still gzip; decompress it first."
)
_FORM_AGAIN = Explanation(
    "Proved: the form was parsed and encoded again on its way; verify the raw body as received."
)


def trailing_newline(case: Case) -> Iterator[Trial]:
    """Something trimmed the body, or ended it with a line break."""
    body = case.request.body
    for ending in (b"\n", b"\r\n"):
        yield case.with_body(ending, _STRIPPED, operator.add, body, ending)
    if body[-1:].isspace():
        yield case.with_body("end", _ADDED, body.rstrip, b" \t\r\n")
        yield case.with_body("both ends", _ADDED, body.strip)


def line_endings(case: Case) -> Iterator[Trial]:
    """CRLF became LF, or the other way round."""
    for make, was, now in ((_with_lf, "LF", "CRLF"), (_with_crlf, "CRLF", "LF")):
        hint = (
            f"Proved: the body was signed with {was} line endings and arrived with {now}; read it as bytes, not in "
            "text mode."
        )
        yield case.with_body(was, Explanation(hint), make, case.request.body)


def _with_lf(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n")


def _with_crlf(body: bytes) -> bytes:
    return _with_lf(body).replace(b"\n", b"\r\n")


def byte_order_mark(case: Case) -> Iterator[Trial]:
    """A byte order mark was added or lost."""
    hint = "Proved: a byte order mark (BOM) was {} the body after it was signed; pass raw bytes."
    body = case.request.body
    if body.startswith(_BOM):
        yield case.with_body("added", Explanation(hint.format("put in front of")), body.removeprefix, _BOM)
    else:
        yield case.with_body("lost", Explanation(hint.format("taken from")), operator.add, _BOM, body)


def wrong_charset(case: Case) -> Iterator[Trial]:
    """UTF-8 was read as ISO-8859-1 and then written as UTF-8 again."""
    body = case.request.body
    if body.isascii():
        return
    for charset in ("latin-1", "cp1252"):
        hint = f"Proved: the body was decoded as {charset} and encoded again as UTF-8; pass the bytes."
        yield case.with_body(charset, Explanation(hint), _restored, body, charset)


def _restored(body: bytes, charset: str) -> bytes | None:
    try:
        return body.decode("utf-8").encode(charset)
    except UnicodeError:
        return None


def printed_bytes(case: Case) -> Iterator[Trial]:
    """`str(body)` was passed: b'…' with its quotes and escapes."""
    body = case.request.body
    if len(body) <= _MAX_LITERAL and _BYTES_REPR.fullmatch(body):
        yield case.with_body("str()", _PRINTED, _literal, body)


def _literal(body: bytes) -> bytes | None:
    try:
        value = ast.literal_eval(body.decode("ascii"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, bytes) else None


def compression(case: Case) -> Iterator[Trial]:
    """The body was decompressed after it was signed, or the other way round."""
    body = case.request.body
    if body.startswith(_GZIP_MAGIC):
        yield case.with_body("still gzip", _STILL_GZIP, _decompressed, body)
        return
    encoding = case.request.headers.get("content-encoding")
    if encoding and body and len(body) <= RESERIALISED_BYTES:
        explanation = Explanation(
            f"Proved: the signature covers the body as it was sent ({encoding[:20]}), but it was decompressed on the "
            "way; verify before anything decompresses it."
        )
        yield from _compressed(case, explanation)


def _decompressed(body: bytes) -> bytes | None:
    try:
        return zlib.decompressobj(31).decompress(body, RESERIALISED_BYTES)
    except zlib.error:
        return None


def _compressed(case: Case, explanation: Explanation) -> Iterator[Trial]:
    """The body as common gzip writers would have compressed it: level, system and time vary."""

    @cache
    def pack(level: int, window: int) -> bytes | None:
        # Compressing costs up to 60 ns a byte.
        if case.budget.seconds_left() < len(case.request.body) * 60e-9:
            case.skip("Compressed forms were not all tried: no time left.")
            return None
        packer = zlib.compressobj(level, zlib.DEFLATED, window)
        return packer.compress(case.request.body) + packer.flush()

    def gzip(level: int, moment: int, writer: tuple[int, int]) -> bytes | None:
        packed = pack(level, 31)
        if packed is None:
            return None
        return packed[:4] + moment.to_bytes(4, "little") + bytes(writer) + packed[10:]

    for level in (6, 9):
        for which, moment in _moments(case):
            for writer in _GZIP_WRITERS:
                name = (level, which, writer)
                yield case.with_body(name, explanation, gzip, level, moment, writer)
    yield case.with_body("deflate", explanation, pack, 6, 15)


def _moments(case: Case) -> list[tuple[str, int]]:
    """The times that a gzip header may hold: none, or that of the signature."""
    moments = [("none", 0)]
    timestamp = getattr(case.checker.extract(case.request), "timestamp", None)
    unit = case.checker.scheme.timestamp_unit
    if timestamp is not None and unit != "opaque":
        signed = read_timestamp(timestamp, unit)
        if signed is not None and 1 < signed < 0xFFFFFFFF:
            moments += [("signed", int(signed)), ("a second before", int(signed) - 1)]
    return moments


def form_encoding(case: Case) -> Iterator[Trial]:
    """A form was parsed and written again."""
    body = case.request.body
    if len(body) > RESERIALISED_BYTES or not (is_form(case.request) or _looks_like_form(body)):
        return
    fields = read_form(body)
    if not fields:
        return
    for in_order in (True, False):
        for quoting in (quote_plus, quote):
            for change in (("", ""), ("~", "%7E"), ("%2A", "*")):
                name = (in_order, quoting.__name__, change)
                yield case.with_body(
                    name,
                    _FORM_AGAIN,
                    _encoded,
                    fields if in_order else sorted(fields),
                    quoting is quote_plus,
                    change,
                )


def _encoded(fields: list[tuple[str, str]], plus: bool, change: tuple[str, str]) -> bytes:
    text = urlencode(fields, quote_via=quote_plus if plus else quote, errors="surrogateescape")
    return (text.replace(*change) if change[0] else text).encode("ascii")


def _looks_like_form(body: bytes) -> bool:
    return b"=" in body[:1024] and body.lstrip()[:1] not in (b"{", b"[", b"<")


def empty_body(case: Case) -> Explanation | None:
    """Somebody read the body before: no proof is needed when nothing is left of it."""
    length = case.request.headers.get("content-length", "0")
    if case.request.body or not length.isdigit() or not length.strip("0"):
        return None
    return Explanation(
        "The body is empty although Content-Length is not 0: something read it before the verification; "
        "verify first, or keep the body."
    )
