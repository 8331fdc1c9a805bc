"""One wrapt patch of a class's method, applied once and taken out again cleanly."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Final

import wrapt


class Reach:
    """Which applications an instrumentor acts on: all of them, or those it was given one by one."""

    def __init__(self) -> None:
        self._everywhere: set[str] = set()
        # By identity: Litestar's have no weak references, and older aiohttp's no hash.
        self._apps: dict[int, Callable[[], Any]] = {}

    def open(self, instrumentor: str) -> None:
        """Acts on every application, for as long as one instrumentor asks for it."""
        self._everywhere.add(instrumentor)

    def close(self, instrumentor: str) -> bool:
        """This instrumentor no longer asks; True where nobody does, and the patch may go."""
        self._everywhere.discard(instrumentor)
        return not self._everywhere and all(app() is None for app in self._apps.values())

    def add(self, app: Any) -> None:
        """Acts on `app` too."""
        try:
            self._apps[id(app)] = weakref.ref(app)
        except TypeError:
            self._apps[id(app)] = lambda: app

    def remove(self, app: Any) -> None:
        """No longer acts on `app`, unless it acts everywhere."""
        self._apps.pop(id(app), None)

    def covers(self, app: Any) -> bool:
        """Whether a request to `app` is ours to look at."""
        if self._everywhere:
            return True
        known = self._apps.get(id(app))
        return known is not None and app is not None and known() is app


Wrapper = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]


class Patch:
    """A wrapper round `owner.name`, which asks its `Reach` before it acts.

    Args:
        owner: the class that defines the method.
        name: the method's name.
        wrapper: `(wrapped, instance, args, kwargs)`, as wrapt calls it.
    """

    _applied: Any = None

    def __init__(self, owner: type[Any], name: str, wrapper: Wrapper) -> None:
        self._owner: Any = owner
        self._name = name
        self._wrapper = wrapper
        self._original: Any = None

    def apply(self) -> None:
        """Puts the wrapper in place; a second call changes nothing."""
        if self._applied is None:
            # What the class itself defines: an inherited method must not stay behind as its own.
            self._original = vars(self._owner).get(self._name, _INHERITED)
            wrapt.wrap_function_wrapper(self._owner, self._name, self._wrapper)
            self._applied = vars(self._owner)[self._name]

    def remove(self) -> None:
        """Puts back the very object that was there. Where somebody wrapped ours, it stays, and reaches nothing."""
        if self._applied is None or vars(self._owner).get(self._name) is not self._applied:
            return
        if self._original is _INHERITED:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._original)
        self._original = self._applied = None


_INHERITED: Final = object()
