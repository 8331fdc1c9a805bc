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


def member(value: Any, *names: str) -> Any:
    """What stands in a JSON document below these names, or None."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
