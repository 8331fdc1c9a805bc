"""Reads attributes, which come from outside: any of them may be missing, or of another type than it should be."""

from __future__ import annotations

from typing import Any

from outworx_otel.server.formatting import plain
from outworx_otel.server.model import Attributes


def text(attributes: Attributes, name: str) -> str | None:
    """An attribute that should be text."""
    value = attributes.get(name)
    return value if value is None or isinstance(value, str) else plain(value)


def whole(attributes: Attributes, name: str) -> int | None:
    """One that should be an integer; None where it is something else."""
    value: Any = attributes.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def seconds(attributes: Attributes, name: str) -> float | None:
    """One that should be a number of seconds."""
    value: Any = attributes.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return float(value)


def flag(attributes: Attributes, name: str) -> bool | None:
    """One that should be true or false."""
    value: Any = attributes.get(name)
    return value if isinstance(value, bool) else None
