"""A request body: exact bytes, its JSON read lazily and at most once, and only the fields asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

_UNREAD: Final = object()
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_FIELDS: Final = 1000


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
        if self._decoder is None:
            return self.walk(parse_json(raw))
        try:
            document = self._decoder.decode(raw)
        except msgspec.ValidationError:
            # A step of the path is no object here (a number where "data.id" was asked for).
            return self.walk(parse_json(raw))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return [None] * len(self._paths)
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
    """The JSON value of `raw`, of whatever type, or None where it is no JSON. Never raises."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


class Body:
    """The body of one delivery and what was already read out of it."""

    __slots__ = ("_parsed", "content_type", "raw")

    def __init__(self, raw: bytes, content_type: str = "") -> None:
        self.raw = raw
        self.content_type = content_type.lower()
        self._parsed: Any = _UNREAD

    def parsed(self) -> Any:
        """Parsed JSON, else the form's fields (a list where a name repeats), else None; read once."""
        if self._parsed is _UNREAD:
            self._parsed = self._form() if self.content_type.startswith(_FORM) else parse_json(self.raw)
        return self._parsed

    def pick(self, picker: FieldPicker) -> list[Any]:
        """What `picker` asks for, from the parsed body if there is one already."""
        if self._parsed is not _UNREAD or self.content_type.startswith(_FORM):
            return picker.walk(self.parsed())
        return picker.pick(self.raw)

    def _form(self) -> dict[str, Any] | None:
        try:
            pairs = parse_qsl(
                self.raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FORM_FIELDS
            )
        except ValueError:
            return None
        form: dict[str, Any] = {}
        for name, value in pairs:
            if name not in form:
                form[name] = value
            elif isinstance(form[name], list):
                form[name].append(value)
            else:
                form[name] = [form[name], value]
        return form
