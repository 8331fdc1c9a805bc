"""The headers of one request: case-insensitive text, exact repeats, built only when looked at."""

from __future__ import annotations

import sys
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Any, Final

Pair = tuple[bytes, bytes] | tuple[str, str]


# Names in lower case, by how they came: the same few come with every delivery. Bounded, for strangers send any.
_names: dict[bytes | str, str] = {}
_MAX_NAMES: Final = 2048
_MAX_SHOWN: Final = 32


def _plain(name: bytes | str) -> str:
    plain = (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
    if len(_names) < _MAX_NAMES and len(name) < 64:
        _names[name] = plain
    return plain


def _joined(pairs: Iterable[Pair]) -> dict[str, str]:
    """Names in lower case with their values, repeats joined."""
    index: dict[str, str] = {}
    for raw, value in pairs:
        name = _names.get(raw) or _plain(raw)
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        index[name] = f"{index[name]}, {text}" if name in index else text
    return index


class Headers(Mapping[str, str]):
    """A case-insensitive, read-only mapping of header names to text.

    Repeats are joined with `", "` (RFC 9110, section 5.3); `get_all` keeps them apart. Bytes are read as
    ISO-8859-1, which never fails and loses nothing.

    Args:
        pairs: (name, value) pairs in the order of the request, both `bytes` (ASGI) or both `str` (WSGI).
    """

    __slots__ = ("_index", "_pairs")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._pairs = pairs
        self._index: dict[str, str] | None = None

    @classmethod
    def from_index(cls, index: dict[str, str]) -> Headers:
        """Headers that came without repeats, by their names in lower case."""
        headers = cls(())
        headers._index = index
        return headers

    def _built(self) -> dict[str, str]:
        index = self._index
        if index is None:
            pairs = self._pairs
            if not isinstance(pairs, list | tuple):
                self._pairs = pairs = list(pairs)
            try:  # of nearly all: bytes, with names that came before, and no repeats
                index = {_names[raw]: value.decode("latin-1") for raw, value in pairs}  # type: ignore[union-attr]
            except (KeyError, AttributeError):
                index = _joined(pairs)
            if len(index) != len(pairs):
                index = _joined(pairs)
            self._index = index
        return index

    def __getitem__(self, name: str) -> str:
        index = self._index or self._built()
        value = index.get(name)
        return index[name.lower()] if value is None else value

    def get(self, name: str, default: Any = None) -> Any:
        """The value of `name`, repeats joined, or `default`. (Mapping's own raises and catches on a miss.)"""
        index = self._index or self._built()
        value = index.get(name)
        return index.get(name.lower(), default) if value is None else value

    def items(self) -> ItemsView[str, str]:
        """Names in lower case with their values."""
        return self._built().items()

    def get_all(self, name: str) -> list[str]:
        """Every value sent under `name`, in order; empty when there is none."""
        wanted = name.lower()
        if not self._pairs:
            return [self[wanted]] if wanted in self._built() else []
        self._built()
        values = [value for raw, value in self._pairs if (_names.get(raw) or _plain(raw)) == wanted]
        return [value.decode("latin-1") if isinstance(value, bytes) else value for value in values]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built())

    def __len__(self) -> int:
        return len(self._built())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._built()

    def __repr__(self) -> str:
        # Names only, and not all: values hold signatures and credentials, and strangers send names of any length.
        names = list(self._built())
        more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
        return f"Headers({[name[:64] for name in names[:_MAX_SHOWN]]}{more})"


def announced_length(text: str | None) -> int | None:
    """The bytes that a Content-Length announces, or None where it is absent or no number."""
    if text is None or not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0")
    # `int` refuses a stranger's 5,000 digits.
    return int(digits or "0") if len(digits) < 19 else sys.maxsize


HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of one connection, which no proxy passes on (RFC 9110, section 7.6.1)."""


def end_to_end(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a proxy passes on: without the headers of one connection, and those that its Connection names."""
    pairs = list(pairs)
    dropped = HOP_BY_HOP.union(
        option.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for option in value.split(",")
    )
    return [(name, value) for name, value in pairs if name.lower() not in dropped]


# The header's name by the variable's, "" where it is none.
_variables: dict[str, str] = {}


def _header_of(variable: str) -> str:
    name = ""
    if variable[:5] == "HTTP_":
        name = variable[5:].replace("_", "-").lower()
    elif variable in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        name = variable.replace("_", "-").lower()
    if len(_variables) < _MAX_NAMES and len(variable) < 64:
        _variables[variable] = name
    return name


def from_environ(environ: Mapping[str, Any]) -> Headers:
    """The headers of a WSGI environ (Flask's `request.environ`, Django's `request.META`)."""
    index = {}
    known = _variables.get
    for variable, value in environ.items():
        name = known(variable)
        if name is None:
            name = _header_of(variable)
        # Servers give the variables of absent headers as "".
        if name and (value or name[:8] != "content-"):
            # Test clients and some bridges give a number for CONTENT_LENGTH.
            index[name] = value if value.__class__ is str else str(value)
    return Headers.from_index(index)
