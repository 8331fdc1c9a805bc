"""The fields of a form, urlencoded or multipart, told by its bytes: its Content-Type is signed by nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

_MAX_FIELDS: Final = 1000

# A first field with a plain name. The end rules out base64, whose padding looks like an empty field.
_URLENCODED: Final = re.compile(rb"(?!--)[\w.\-\[\]%+*$~!:@,;()']{1,1024}=(?!=?\Z)")
_MULTIPART: Final = re.compile(rb"--[\x21-\x7e][\x20-\x7e]{0,199}(?=\r?\n)")
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_MAX_PART_HEAD: Final = 4096
_FIELD: Final = re.compile(
    rb'^content-disposition:[ \t]*form-data;[ \t]*name="([^"\r\n]*)"([^\r\n]*)', re.IGNORECASE | re.MULTILINE
)


def looks_urlencoded(raw: bytes) -> bool:
    """Whether a body begins like an urlencoded form."""
    return _URLENCODED.match(raw) is not None


def urlencoded_fields(raw: bytes) -> dict[str, Any] | None:
    """The fields by name, a list where a name repeats; None past a thousand of them."""
    try:
        text = raw.decode("utf-8", "replace")
        return _by_name(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return None


def multipart_fields(raw: bytes) -> dict[str, Any] | None:
    """The text fields of a multipart form by name, without its files; None where it is no such form."""
    boundary = _MULTIPART.match(raw)
    if boundary is None:
        return None
    line = boundary.group()
    parts = raw[len(line) :].split(b"\n" + line, _MAX_FIELDS + 1)
    if len(parts) < 2 or len(parts) > _MAX_FIELDS + 1 or not parts[-1].startswith(b"--"):
        return None
    fields = []
    for part in parts[:-1]:
        blank = _BLANK_LINE.search(part, 0, _MAX_PART_HEAD)
        field = None if blank is None else _FIELD.search(part, 0, blank.start())
        if blank is not None and field is not None and b"filename" not in field.group(2).lower():
            value = part[blank.end() :].removesuffix(b"\r")
            fields.append((field.group(1).decode("utf-8", "replace"), value.decode("utf-8", "replace")))
    return _by_name(fields)


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for name, value in pairs:
        if name not in form:
            form[name] = value
        elif isinstance(form[name], list):
            form[name].append(value)
        else:
            form[name] = [form[name], value]
    return form
