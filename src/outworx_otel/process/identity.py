"""What is kept about objects of others, which may have no hash and no room for a weak reference."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class ByIdentity(Generic[V]):
    """Values by the object they belong to, which is never hashed nor compared (Logfire's providers cannot be).

    The object is held weakly, where it allows that.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Callable[[], Any], V]] = {}

    def get(self, owner: object) -> V | None:
        """The value that belongs to `owner`, or None."""
        kept = self._kept.get(id(owner))
        return kept[1] if kept is not None and kept[0]() is owner else None

    def set(self, owner: object, value: V) -> None:
        """Keeps `value` for as long as `owner` lives."""
        key = id(owner)
        reference: Callable[[], Any]
        try:
            reference = weakref.ref(owner, lambda _: self._kept.pop(key, None))
        except TypeError:  # a class with slots

            def reference() -> Any:
                return owner

        self._kept[key] = reference, value

    def items(self) -> list[tuple[Any, V]]:
        """Every object that lives, with its value."""
        return [
            (owner, value) for known, value in list(self._kept.values()) if (owner := known()) is not None
        ]
