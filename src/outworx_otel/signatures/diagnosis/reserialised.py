"""The hypothesis behind `parsed_body`: JSON that was parsed and written again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from outworx_otel.signatures.diagnosis.budget import RESERIALISED_BYTES
from outworx_otel.signatures.diagnosis.case import Case, Explanation, Trial

# Measured on dense JSON: the C encoder, by the byte; and the Python encoder that `indent` falls back to, by the
# node and by the level, because every token passes through a generator for each level above it.
_SECONDS_PER_BYTE = 25e-9
_SECONDS_PER_NODE, _SECONDS_PER_LEVEL = 0.8e-6, 0.1e-6
_MAX_NODES = 8000


class _Style(NamedTuple):
    """One way of writing JSON."""

    name: str
    separators: tuple[str, str]
    indent: int | str | None = None


_COMPACT = _Style("compactly", (",", ":"))
_SINGLE_LINE = (_COMPACT, _Style("with spaces after , and :", (", ", ": ")))
_INDENTED = (
    _Style("indented by 2", (",", ": "), 2),
    _Style("indented by 4", (",", ": "), 4),
    _Style("indented by a tab", (",", ": "), "\t"),
)
# (style, whether non-ASCII characters are escaped), the likeliest first.
_WRITTEN = (
    *((style, ascii_only) for ascii_only in (False, True) for style in _SINGLE_LINE),
    *((style, ascii_only) for style in _INDENTED for ascii_only in (False, True)),
)

_HTML_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def _unchanged(text: str) -> str:
    return text


def _slashes(text: str) -> str:
    return text.replace("/", "\\/")


def _html(text: str) -> str:
    return text.translate(_HTML_ESCAPES)


# What PHP (slashes) and Rails or Go (HTML characters) escape; outside strings JSON has none of these.
_Escaping = tuple[str, Callable[[str], str]]
_PLAIN: tuple[_Escaping, ...] = (("", _unchanged),)
_ESCAPINGS: tuple[_Escaping, ...] = (
    *_PLAIN,
    (" with slashes escaped", _slashes),
    (" with <, > and & escaped", _html),
)


def reserialised_json(case: Case) -> Iterator[Trial]:
    """The body is JSON, and another way of writing the same JSON is what was signed."""
    body = case.request.body
    if body.lstrip()[:1] not in (b"{", b"["):
        return
    if len(body) > RESERIALISED_BYTES:
        case.skip("Whether the body was parsed and re-serialised was not tried: it is over 64 KiB.")
        return
    try:
        writer = _Writer(case, json.loads(body))
    except (ValueError, RecursionError):
        return
    for style, ascii_only in _WRITTEN:
        for escaping, escape in _ESCAPINGS if style is _COMPACT else _PLAIN:
            written = style.name + (" with non-ASCII escaped" if ascii_only else "") + escaping
            explanation = Explanation(
                f"Proved: the sender signed this JSON written {written}, so it was parsed and re-serialised on its "
                "way; verify the raw request body before anything parses it.",
                "parsed_body",
            )
            for ending in ("", "\n"):
                yield case.with_body(
                    (written, ending), explanation, writer.write, style, ascii_only, escape, ending
                )


class _Writer:
    """Writes one JSON value in many styles, each once, and only while there is time."""

    def __init__(self, case: Case, value: Any) -> None:
        self._case = case
        self._value = value
        self._texts: dict[tuple[_Style, bool], str | None] = {}
        self._tried: set[bytes] = set()
        self._cost_of_indenting: float | None = None

    def write(
        self, style: _Style, ascii_only: bool, escape: Callable[[str], str], ending: str
    ) -> bytes | None:
        """The value in this style; None when it cannot be had in time, or was given before."""
        text = self._text(style, ascii_only)
        if text is None:
            return None
        form = (escape(text) + ending).encode("utf-8", "surrogatepass")
        if form in self._tried:
            return None
        self._tried.add(form)
        return form

    def _text(self, style: _Style, ascii_only: bool) -> str | None:
        key = (style, ascii_only)
        if key not in self._texts:
            raw = self._texts.get((style, False))
            # Escaping non-ASCII characters changes nothing where there are none.
            self._texts[key] = raw if raw is not None and raw.isascii() else self._dump(style, ascii_only)
        return self._texts[key]

    def _dump(self, style: _Style, ascii_only: bool) -> str | None:
        cost = len(self._case.request.body) * _SECONDS_PER_BYTE
        if style.indent is not None:
            if self._cost_of_indenting is None:
                self._cost_of_indenting = _cost_of_indenting(self._value)
            cost = max(cost, self._cost_of_indenting)
        if self._case.budget.seconds_left() < cost:
            self._case.skip("Not every way of writing the JSON was tried: no time left.")
            return None
        try:
            return json.dumps(
                self._value, ensure_ascii=ascii_only, separators=style.separators, indent=style.indent
            )
        except (ValueError, RecursionError):
            return None


def _cost_of_indenting(value: Any) -> float:
    """Seconds that an indented dump of the value will take, about; infinite when it has too many nodes."""
    seconds = 0.0
    stack = [(value, 0)]
    for _ in range(_MAX_NODES):
        if not stack:
            return seconds
        node, level = stack.pop()
        seconds += _SECONDS_PER_NODE + level * _SECONDS_PER_LEVEL
        if isinstance(node, dict):
            stack.extend([(child, level + 1) for child in node.values()])
        elif isinstance(node, list):
            stack.extend([(child, level + 1) for child in node])
    return math.inf
