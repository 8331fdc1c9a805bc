"""A request body: exact bytes, its JSON read lazily and at most once, and only the fields asked for."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from outworx_otel.http.forms import looks_urlencoded, multipart_fields, urlencoded_fields

_UNREAD: Final = object()
_FORM: Final = "application/x-www-form-urlencoded"
# An object or a list, in any of JSON's encodings: white space, a byte order mark and NULs may come first.
_CONTAINER: Final = re.compile(rb"[ \t\r\n\x00\xef\xbb\xbf\xfe\xff]*[{\[]")
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What msgspec raises over bytes that it cannot read: before 0.21 its own errors are no `ValueError`."""


class RawBody(bytes):
    """The exact bytes of a body, which also serve functions that were written for text.

    `str()`, `format()`, `.encode()` and adding a `str` give the text (UTF-8, undecodable bytes kept as
    surrogate escapes, so that encoding again restores them); everything else is plain `bytes`.
    """

    def __str__(self) -> str:
        return self.decode("utf-8", "surrogateescape")

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes themselves: what encoding the text again would give."""
        return bytes(self)

    def __add__(self, other: Any) -> Any:
        return str(self) + other if isinstance(other, str) else bytes(self) + other

    def __radd__(self, other: Any) -> Any:
        return other + str(self) if isinstance(other, str) else other + bytes(self)


class _Overlap(Exception):
    """A field is asked for as a value and as an object."""


class FieldPicker:
    """Reads a few dotted paths out of JSON bytes without building the rest of the document.

    msgspec skips what a Struct does not name, so that two fields of a 256 KB body cost a scan and no
    dictionary.

    Args:
        paths: dotted paths into an object, such as `"type"` or `"data.object.id"`. Where one leads through
            another (`"data"` and `"data.id"`), the whole document is read.
    """

    __slots__ = ("_decoder", "_getters", "_paths")

    def __init__(self, paths: tuple[str, ...]) -> None:
        self._paths = tuple(tuple(path.split(".")) for path in paths)
        self._decoder: msgspec.json.Decoder[msgspec.Struct] | None = None
        self._getters: tuple[attrgetter[Any], ...] = ()
        with contextlib.suppress(_Overlap):
            struct, attributes = _struct_for(self._paths)
            self._decoder = msgspec.json.Decoder(struct)
            self._getters = tuple(attrgetter(attributes[steps]) for steps in self._paths)

    def pick(self, raw: bytes) -> list[Any]:
        """One value per path, None where the path is absent or the bytes are no JSON object."""
        values = self.glance(raw)
        return self.walk(parse_json(raw)) if values is None else values

    def glance(self, raw: bytes) -> list[Any] | None:
        """The same, or None where the whole document has to be read.

        It has to be where one path leads through another, where a step of a path is no object (a number where
        `"data.id"` was asked for), and where msgspec refuses what the standard library reads.
        """
        if self._decoder is None:
            return None
        try:
            document = self._decoder.decode(raw)
        except UNREADABLE:
            return None
        return [_get(document, getter) for getter in self._getters]

    def walk(self, document: Any) -> list[Any]:
        """The same from a document that is already parsed."""
        return [_walk(document, steps) for steps in self._paths]


def _struct_for(paths: Sequence[tuple[str, ...]]) -> tuple[type[msgspec.Struct], dict[tuple[str, ...], str]]:
    """A Struct that names just these paths, and under which attribute each of them is found."""
    tails_by_name: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in paths:
        tails_by_name.setdefault(first, []).append(tuple(rest))
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    attributes: dict[tuple[str, ...], str] = {}
    for position, (name, tails) in enumerate(tails_by_name.items()):
        field = f"f{position}"
        names[field] = name
        kind: Any = Any
        if all(tails):
            struct, inner = _struct_for(tails)
            kind = struct | None
            attributes.update({(name, *tail): f"{field}.{inner[tail]}" for tail in tails})
        elif any(tails):
            raise _Overlap(name)
        else:
            attributes[(name,)] = field
        fields.append((field, kind, None))
    return msgspec.defstruct("Fields", fields, rename=names), attributes


def _get(document: Any, getter: attrgetter[Any]) -> Any:
    try:
        return getter(document)
    except AttributeError:  # an object on the way is absent
        return None


def _walk(document: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if not isinstance(document, Mapping):
            return None
        document = document.get(step)
    return document


def parse_json(raw: bytes) -> Any:
    """The JSON value of `raw`, of whatever type, or None where it is no JSON. Never raises.

    What msgspec refuses and the standard library reads is read by the latter: half surrogate pairs, NaN and Infinity,
    `1e400`, a byte order mark, UTF-16 and UTF-32. Integers of more than 4,300 digits are read as their text.
    """
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        pass
    try:
        return json.loads(raw, parse_int=_integer)
    except UNREADABLE:
        return None


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than `sys.get_int_max_str_digits()`
        return digits


class Body:
    """The body of one delivery and what was already read out of it.

    What a body is, is told by its bytes. Its Content-Type, which no signature covers, decides only where they leave
    it open: it makes a form of a body that is neither a JSON object or list nor plainly something else.
    """

    __slots__ = ("_parsed", "_picked", "content_type", "raw")

    def __init__(self, raw: bytes, content_type: str = "") -> None:
        self.raw = raw
        self.content_type = content_type.lower()
        self._parsed: Any = _UNREAD
        self._picked: tuple[FieldPicker, list[Any]] | None = None

    def parsed(self) -> Any:
        """Parsed JSON, else the form's fields (a list where a name repeats), else None; read once."""
        if self._parsed is _UNREAD:
            self._parsed = self._read()
        return self._parsed

    def pick(self, picker: FieldPicker, *, thorough: bool = True) -> Sequence[Any]:
        """What `picker` asks for, from the parsed body if there is one already; read once for each picker.

        Args:
            picker: the paths.
            thorough: read all of a JSON document where a glance does not do; else all is None there.
        """
        if self._picked is not None and self._picked[0] is picker:
            return self._picked[1]
        values = None
        if self._parsed is _UNREAD and _CONTAINER.match(self.raw):
            values = picker.glance(self.raw)
            if values is None and not thorough:
                return picker.walk(None)
        if values is None:
            values = picker.walk(self.parsed())
        self._picked = picker, values
        return values

    def _read(self) -> Any:
        is_form = self.content_type.startswith(_FORM)
        is_container = _CONTAINER.match(self.raw) is not None
        fields = None if is_container else multipart_fields(self.raw)
        if fields is not None:
            return fields
        if is_container or not is_form:
            value = parse_json(self.raw)
            if value is not None:
                return value
        return urlencoded_fields(self.raw) if is_form or looks_urlencoded(self.raw) else None
