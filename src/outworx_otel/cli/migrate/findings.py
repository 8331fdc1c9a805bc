"""What a file becomes, and what is left to its owner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Left:
    """Something that nobody but the owner can decide.

    Args:
        line: where, from 1 on.
        why: what it is, and what to do.
    """

    line: int
    why: str


@dataclass(frozen=True)
class Migrated:
    """A file after its migration.

    Args:
        content: what it is to hold; the very bytes that it holds where nothing changes.
        left: what is left to its owner.
    """

    content: bytes
    left: tuple[Left, ...] = ()
