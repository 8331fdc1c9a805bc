"""Deliveries as rows of a table, for `list` and `tail`: what became of each, and why, in the words of the page."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from outworx_otel.cli.console import say, terminal_safe
from outworx_otel.server.explaining.codes import KINDS
from outworx_otel.server.fields import BY_NAME

_COLOURS: Final = {"good": "green", "warn": "yellow", "bad": "red"}
_LONGEST_CELL: Final = 40
_LONGEST_WHY: Final = 240
_NARROWEST_WHY: Final = 20
_GAP: Final = "  "


class Rows:
    """Prints rows. A column is as wide as the widest of its cells until now."""

    def __init__(self) -> None:
        self._heads = (
            *(f"TIME ({zone()})", "OUTCOME", "STATUS", "PROVIDER", "EVENT TYPE", "ENDPOINT", "ID"),
        )
        self._widths = [len(head) for head in self._heads]
        self._begun = False

    def print(self, deliveries: Iterable[Mapping[str, Any]]) -> None:
        """Prints these, and what the columns are above the first ones.

        Args:
            deliveries: as `GET /api/deliveries` lists them.
        """
        rows = [(_cells(one), one) for one in deliveries]
        for cells, _ in rows:
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)]
        if rows and not self._begun:
            self._begun = True
            say(self._line(self._heads, "WHY"), dim=True)
        for cells, one in rows:
            why = terminal_safe(str(one.get("why", "")), self._room())
            say(self._line(cells, why), colour_of(one.get("outcome")))

    def _line(self, cells: Iterable[str], why: str) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        return f"{_GAP.join(padded)}{_GAP}{why}".rstrip()

    def _room(self) -> int:
        """Characters that are left for the reason in a line; a line that is too long anyway is not cut."""
        if not sys.stdout.isatty():
            return _LONGEST_WHY
        left = shutil.get_terminal_size().columns - sum(self._widths) - len(_GAP) * len(self._widths)
        return left if left >= _NARROWEST_WHY else _LONGEST_WHY


def local_time(text: Any) -> str:
    """Returns a time of the server's JSON in this machine's zone: 2026-11-29 07:41:02."""
    try:
        # Python 3.10 knows no Z.
        moment = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return terminal_safe(str(text), _LONGEST_CELL)


def zone() -> str:
    """Returns what this machine's zone is called."""
    return datetime.datetime.now().astimezone().tzname() or "local"


def colour_of(outcome: Any) -> str | None:
    """Returns the colour of an outcome; None where it is neither good nor bad."""
    kind = KINDS.get(outcome) if isinstance(outcome, str) else None  # type: ignore[call-overload]  # any text
    return None if kind is None else _COLOURS.get(kind.tone)


def value(delivery: Mapping[str, Any], field: str) -> Any:
    """Returns a field of a delivery's JSON by its name in the table of fields."""
    return delivery.get(BY_NAME[field].json)


def _cells(delivery: Mapping[str, Any]) -> tuple[str, ...]:
    endpoint = value(delivery, "route") or value(delivery, "path")
    texts = (
        *(value(delivery, name) for name in ("outcome", "status", "provider", "event_type")),
        endpoint,
    )
    shown = ("-" if text is None else terminal_safe(str(text), _LONGEST_CELL) for text in texts)
    return (local_time(value(delivery, "time_ns")), *shown, terminal_safe(str(value(delivery, "id"))))
