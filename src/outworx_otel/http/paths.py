"""Paths: their one spelling, and values by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")


_NO_MATTER: Final = "/\n"
_ENDINGS: Final = tuple(_NO_MATTER)


def plain_path(path: str) -> str:
    """The one spelling of a decoded path, whichever of its spellings led to the endpoint.

    A trailing slash makes no difference, so that `/hooks/github` also stands for Django's `/hooks/github/`. Nor does
    a newline: the `$` that ends Starlette's routes matches before one, so that `/hooks/github%0A` is served too.
    """
    return path.rstrip(_NO_MATTER) or "/"


class PathMap(Generic[T]):
    """Values by path: exact ones by one look-up, `*` patterns by the longest that fits.

    Spellings that `plain_path` makes one make no difference.
    """

    def __init__(self, entries: Mapping[str, T]) -> None:
        self._exact = {plain_path(path): value for path, value in entries.items() if "*" not in path}
        patterns = sorted((path for path in entries if "*" in path), key=len, reverse=True)
        self._patterns = [(_pattern(path), entries[path]) for path in patterns]

    def find(self, path: str) -> T | None:
        """The value for `path`, or None."""
        value = self._exact.get(path)
        if value is not None:
            return value
        if path.endswith(_ENDINGS):
            value = self._exact.get(plain_path(path))
            if value is not None:
                return value
        for pattern, candidate in self._patterns:
            if pattern.fullmatch(path):
                return candidate
        return None

    def __bool__(self) -> bool:
        return bool(self._exact or self._patterns)


def _pattern(path: str) -> re.Pattern[str]:
    parts = plain_path(path).split("*")
    return re.compile(f"{'.*'.join(map(re.escape, parts))}[{_NO_MATTER}]*", re.DOTALL)
