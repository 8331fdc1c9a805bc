"""Announces to higher rooms that an exporter or sampler of ours was loaded by name."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], object]] = []


def on_loaded(listener: Callable[[str], object]) -> None:
    """Calls `listener` each time something is loaded."""
    _listeners.append(listener)


def loaded(what: str) -> None:
    """Announces that `what`, such as `"the exporter outworx"`, was loaded."""
    for listener in _listeners:
        listener(what)
