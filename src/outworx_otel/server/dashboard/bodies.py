"""Prepares a body for a page: formatted, as it came, and as a hex dump; always bounded."""

from __future__ import annotations

import html
import re
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from markupsafe import Markup, escape

from outworx_otel.server.formatting import number, size, visible
from outworx_otel.server.stored_bodies import MAX_HEX, MAX_TEXT, bytes_of, hex_dump, laid_out, not_whole

MAX_COLOURED: Final = 32 * 1024
_MAX_FIELDS: Final = 200

Kind = Literal["JSON", "form", "text", "binary"]


class ShownBody(NamedTuple):
    """What a page needs of one body. `fields` are a form's; `notes` say what is not shown."""

    kind: Kind
    pretty: Markup | None
    fields: list[tuple[str, str]]
    raw: Markup | None
    hex: str | None
    notes: list[str]


def body_of(stored: str, full_size: int | None, content_type: str = "") -> ShownBody:
    """Everything of a body that is shown.

    Args:
        stored: the attribute's text.
        full_size: how many bytes arrived, where that is known.
        content_type: as the request said.
    """
    raw = bytes_of(stored, full_size)
    note = not_whole(stored, raw, full_size)
    notes = [] if note is None else [note]
    try:
        text = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        if len(raw) > MAX_HEX:
            notes.append(f"The first {size(MAX_HEX)} are shown; download the rest.")
        return ShownBody("binary", None, [], None, hex_dump(raw), notes)
    if len(text) > MAX_TEXT:
        notes.append(
            f"The first {number(MAX_TEXT)} of {number(len(text))} characters are shown; download the rest."
        )
    shown = text[:MAX_TEXT]
    plain = escape(visible(shown))
    if (pretty := laid_out(text)) is not None:
        return ShownBody("JSON", _marked(visible(pretty)), [], plain, hex_dump(raw), notes)
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return ShownBody("form", None, _fields(shown), plain, hex_dump(raw), notes)
    return ShownBody("text", None, [], plain, hex_dump(raw), notes)


_TOKEN: Final = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b)"""
    r"""|(?P<number>-?\d[\d.eE+-]*)"""
)


def _marked(pretty: str) -> Markup:
    return _coloured(pretty) if len(pretty) <= MAX_COLOURED else escape(pretty)


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
