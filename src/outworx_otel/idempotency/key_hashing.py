"""Idempotency keys: which values cannot be keys, and how the others are hashed."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_DEPTH: Final = 32
MAX_PARTS: Final = 100_000

# What text conversion makes of a missing id: f"{body.get('id')}", String(undefined).
_MISSING: Final = frozenset({"", "none", "null", "undefined", "nan"})
_LONGEST_MISSING: Final = 64


def distinguishes(key: Any) -> bool:
    """Whether a key can tell one event from another.

    None, a bool, NaN, an infinity, text of white space alone (or `None`, `null`, `undefined`, `nan`) and empty bytes
    cannot; nor can a list, tuple or mapping with nothing but such values in it.
    """
    if isinstance(key, str):
        return _is_something(key)
    return any(_is_something(part) for part in _parts(key))


def hashed_key(scope: str, key: Any) -> str:
    """What stores and telemetry see of a key: SHA-256 in hex, of scope and key kept apart.

    Keys of different types differ: `1` and `"1"`, `True` and `1`, `b"x"` and `"x"`. The order of a mapping does not
    matter; a tuple counts as a list.

    Raises:
        TypeError: the key holds a value that tells no event from another, such as an object or a method.
        ValueError: it is nested more than 32 deep, or has more than 100,000 parts.
    """
    scoped = f"{len(scope)}:{scope}"
    if isinstance(key, str):
        return hashlib.sha256(_bytes(scoped + key)).hexdigest()
    # No text key's input begins with a letter.
    digest = hashlib.sha256(b"typed " + _bytes(scoped))
    digest.update(_encoded(key, MAX_DEPTH, [MAX_PARTS]))
    return digest.hexdigest()


def _is_something(part: Any) -> bool:
    if isinstance(part, str):
        if len(part) > _LONGEST_MISSING:
            return not part.isspace()
        return part.strip().lower() not in _MISSING
    if part is None or isinstance(part, bool):
        return False
    if isinstance(part, float):
        return math.isfinite(part)
    if isinstance(part, bytes):
        return bool(part.strip())
    return True


def _parts(key: Any) -> Iterator[Any]:
    """What a key consists of, without the containers; a key that refers to itself ends with the bound."""
    waiting = [key]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        if isinstance(part, Mapping):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        else:
            yield part


def _encoded(value: Any, depth: int, parts_left: list[int]) -> bytes:
    """Bytes that no other value has: a letter for the type, and the length of what could run on."""
    parts_left[0] -= 1
    if depth == 0 or parts_left[0] < 0:
        raise ValueError(
            "it is too large or nested too deep for a key: give text, or use idempotency_key='body'"
        )
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"i%x;" % value if value >= 0 else b"i-%x;" % -value
    if isinstance(value, float):
        return b"d%b;" % value.hex().encode()
    if isinstance(value, str):
        return _sized(b"s", _bytes(value))
    if isinstance(value, bytes):
        return _sized(b"b", value)
    if isinstance(value, uuid.UUID):
        return b"u" + value.bytes
    if isinstance(value, list | tuple):
        inner = [_encoded(part, depth - 1, parts_left) for part in value]
        return b"l%d:" % len(inner) + b"".join(inner)
    if isinstance(value, Mapping):
        pairs = sorted(
            _encoded(name, depth - 1, parts_left) + _encoded(part, depth - 1, parts_left)
            for name, part in value.items()
        )
        return b"m%d:" % len(pairs) + b"".join(pairs)
    raise TypeError(f"it gave a {type(value).__name__}, which tells no delivery from another: give text")


def _sized(kind: bytes, data: bytes) -> bytes:
    return b"%b%d:" % (kind, len(data)) + data


def _bytes(text: str) -> bytes:
    # JSON can hold half a surrogate pair, and so can a key.
    return text.encode("utf-8", "surrogatepass")
