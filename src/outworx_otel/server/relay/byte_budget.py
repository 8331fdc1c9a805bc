"""A limit on the bytes that may be held at once."""

from __future__ import annotations


class ByteBudget:
    """Counts what is held against a limit; of a session, it also counts against that of all.

    Args:
        limit: in bytes.
        above: the budget that this one is a part of.
    """

    __slots__ = ("_above", "_limit", "used")

    def __init__(self, limit: int, above: ByteBudget | None = None) -> None:
        self._limit = limit
        self._above = above
        self.used = 0

    def take(self, amount: int) -> bool:
        """Takes so many bytes if there is room. Returns whether there was."""
        if self.used + amount > self._limit or (self._above is not None and not self._above.take(amount)):
            return False
        self.used += amount
        return True

    def give_back(self, amount: int) -> None:
        """Frees what was taken."""
        self.used -= amount
        if self._above is not None:
            self._above.give_back(amount)
