"""Reads a JSON body for the schemes whose signature stands inside it."""

from __future__ import annotations

import json
from typing import Any


def read_json(body: bytes) -> Any:
    """The JSON of a body, or None when it has none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def read_plain_json(body: bytes) -> Any:
    """The same where no name stands twice in an object, for one reader takes the first of them and one the last."""
    try:
        return json.loads(body, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def member(value: Any, *names: str) -> Any:
    """What stands in a JSON document below these names, or None."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
