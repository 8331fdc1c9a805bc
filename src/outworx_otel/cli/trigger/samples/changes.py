"""`--set data.object.amount=5`: values of the user's own in a sample's payload."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from outworx_otel.errors import ConfigurationError

_EXAMPLE: Final = "--set data.object.amount=5, --set entry.0.id=abc"


class Change(NamedTuple):
    """A dotted path (list indices are numbers) and the value that is to stand there."""

    path: tuple[str, ...]
    value: Any


def parse_change(text: str) -> Change:
    """`path=value`; the value is JSON where it can be read as JSON, else text.

    Raises:
        ConfigurationError: there is no path, or no `=`.
    """
    path, equals, value = text.partition("=")
    steps = tuple(path.strip().split("."))
    if not equals or not all(steps):
        raise ConfigurationError(f"--set {text[:80]!r} is no path=value, such as {_EXAMPLE}")
    try:
        return Change(steps, json.loads(value))
    except (ValueError, RecursionError):
        return Change(steps, value)


def changed(document: Any, changes: Sequence[Change]) -> Any:
    """A copy of the payload with the changes in it; objects on the way that are missing are made.

    Raises:
        ConfigurationError: a path leads through a plain value, or to an index that is not there.
    """
    document = copy.deepcopy(document) if changes else document
    for change in changes:
        _put(document, change)
    return document


def _put(document: Any, change: Change) -> None:
    place = document
    for position, step in enumerate(change.path):
        last = position == len(change.path) - 1
        here = ".".join(change.path[:position]) or "the payload"
        if isinstance(place, dict):
            if last:
                place[step] = change.value
            else:
                place = place.setdefault(step, {})
        elif isinstance(place, list):
            index = int(step) if step.isascii() and step.isdecimal() and len(step) < 10 else -1
            if last and index == len(place):
                place.append(change.value)
            elif not 0 <= index < len(place):
                raise ConfigurationError(
                    f"--set {'.'.join(change.path)}: {here} is a list of {len(place)}, and {step!r} is none of its "
                    "indices"
                )
            elif last:
                place[index] = change.value
            else:
                place = place[index]
        else:
            raise ConfigurationError(
                f"--set {'.'.join(change.path)}: {here} is {type(place).__name__}, so nothing can stand below it"
            )
