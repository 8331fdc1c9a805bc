"""Tells those above that something of ours was loaded by name: an exporter, a sampler."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], object]] = []


def on_loaded(listener: Callable[[str], object]) -> None:
    """Calls `listener` with what was loaded, each time."""
    _listeners.append(listener)


def loaded(what: str) -> None:
    """Says that `what`, such as `"the exporter outworx"`, was loaded."""
    for listener in _listeners:
        listener(what)
