"""The headers of one request: case-insensitive text, exact repeats, built only when looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Pair = tuple[bytes, bytes] | tuple[str, str]


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
        self._index: dict[str, list[str]] | None = None

    def _built(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = {}
            for name, value in self._pairs:
                if isinstance(name, bytes):
                    name = name.decode("latin-1")
                if isinstance(value, bytes):
                    value = value.decode("latin-1")
                name = name.lower()
                seen = index.get(name)
                if seen is None:
                    index[name] = [value]
                else:
                    seen.append(value)
            self._index = index
        return index

    def __getitem__(self, name: str) -> str:
        index = self._index or self._built()
        values = index.get(name)
        if values is None:
            values = index[name.lower()]
        return values[0] if len(values) == 1 else ", ".join(values)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of `name`, repeats joined, or `default`. (Mapping's own raises and catches on a miss.)"""
        index = self._index or self._built()
        values = index.get(name) or index.get(name.lower())
        if not values:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> list[str]:
        """Every value sent under `name`, in order; empty when there is none."""
        return list(self._built().get(name.lower(), ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._built())

    def __len__(self) -> int:
        return len(self._built())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._built()

    def __repr__(self) -> str:
        # Names only: values hold signatures and credentials.
        return f"Headers({list(self._built())})"


def from_environ(environ: Mapping[str, Any]) -> Headers:
    """The headers of a WSGI environ (Flask's `request.environ`, Django's `request.META`)."""
    pairs = [
        (name[5:].replace("_", "-").lower(), value) for name, value in environ.items() if name[:5] == "HTTP_"
    ]
    if environ.get("CONTENT_TYPE"):
        pairs.append(("content-type", environ["CONTENT_TYPE"]))
    if environ.get("CONTENT_LENGTH"):
        pairs.append(("content-length", environ["CONTENT_LENGTH"]))
    return Headers(pairs)
