"""The hypothesis behind `parsed_body`: JSON that was parsed and written again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from outworx_otel.signatures.diagnosis.budget import RESERIALISED_BYTES
from outworx_otel.signatures.diagnosis.case import Case, Finding

_COMPACT, _SPACED = (",", ":"), (", ", ": ")

# Measured on dense JSON: the C encoder, by the byte; and the Python encoder that `indent` falls back to, by the
# node and by the level, because every token passes through a generator for each level above it.
_SECONDS_PER_BYTE = 25e-9
_SECONDS_PER_NODE, _SECONDS_PER_LEVEL = 0.8e-6, 0.1e-6
_MAX_NODES = 8000

_HTML_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def reserialised_json(case: Case) -> Finding | None:
    """The body is JSON, and another way of writing the same JSON is what was signed."""
    body = case.request.body
    if body.lstrip()[:1] not in (b"{", b"["):
        return None
    if len(body) > RESERIALISED_BYTES:
        case.skipped.append("Whether the body was parsed and re-serialised was not tried: it is over 64 KiB.")
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    tried = {body}
    for name, text in _forms(case, value):
        for ending in ("", "\n"):
            form = (text + ending).encode("utf-8", "surrogatepass")
            if form in tried:
                continue
            tried.add(form)
            if case.fits_body(form):
                return Finding(
                    "parsed_body",
                    f"Proved: the sender signed this JSON written {name}, so it was parsed and re-serialised "
                    "on its way; verify the raw request body before anything parses it.",
                )
    return None


def _forms(case: Case, value: Any) -> Iterator[tuple[str, str]]:
    for ascii_only, escaped in ((False, ""), (True, " with non-ASCII escaped")):
        for name, separators in (("compactly", _COMPACT), ("with spaces after , and :", _SPACED)):
            text = _dump(case, value, ascii_only, separators)
            if text is None:
                return
            yield name + escaped, text
            if separators is _COMPACT:
                yield from _escaped(name + escaped, text)
    cost = _cost_of_indenting(value)
    for indent, name in ((2, "indented by 2"), (4, "indented by 4"), ("\t", "indented by a tab")):
        for ascii_only, escaped in ((False, ""), (True, " with non-ASCII escaped")):
            text = _dump(case, value, ascii_only, (",", ": "), indent, cost)
            if text is None:
                case.skipped.append("Indented forms of the JSON were not all tried: no time left.")
                return
            yield name + escaped, text
            if text.isascii():
                break


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


def _escaped(name: str, text: str) -> Iterator[tuple[str, str]]:
    """What PHP (slashes) and Rails or Go (HTML characters) escape; outside strings JSON has none of these."""
    if "/" in text:
        yield name + " with slashes escaped", text.replace("/", "\\/")
    html = text
    for character, escape in _HTML_ESCAPES.items():
        html = html.replace(character, escape)
    if html != text:
        yield name + " with <, > and & escaped", html


def _dump(
    case: Case,
    value: Any,
    ascii_only: bool,
    separators: tuple[str, str],
    indent: int | str | None = None,
    cost: float = 0.0,
) -> str | None:
    if case.budget.seconds_left() < max(cost, len(case.request.body) * _SECONDS_PER_BYTE):
        return None
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=separators, indent=indent)
    except (ValueError, RecursionError):
        return None
