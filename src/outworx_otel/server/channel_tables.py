"""The tables `[[channels]]` of the server's file, and where each of them is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from outworx_otel.errors import ConfigurationError

_HEAD: Final = re.compile(r"^[ \t]*\[\[[ \t]*channels[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True)
class ChannelTables:
    """What the file says of channels; none, where there is no file.

    Args:
        shown: how messages call the file.
        tables: one for each channel.
        text: the file as it is written.
    """

    shown: str = ""
    tables: Sequence[Mapping[str, Any]] = ()
    text: str = field(default="", repr=False)

    def error(self, number: int, key: str, said: str) -> ConfigurationError:
        """An error about a channel, with its line.

        Args:
            number: which of them, from 0.
            key: the option; empty where it is about the channel.
            said: what is wrong, and what to do.
        """
        line = self._line(number, key)
        place = f"{self.shown}, line {line}" if line else self.shown
        option = f".{key}" if key else ""
        return ConfigurationError(f"{place}: channels[{number}]{option}: {said}")

    def _line(self, number: int, key: str) -> int:
        """The line of the option, else of its table's beginning; 0 where it is written in another way."""
        heads = list(_HEAD.finditer(self.text))
        if len(heads) <= number:
            return 0
        start = heads[number].end()
        end = heads[number + 1].start() if number + 1 < len(heads) else len(self.text)
        option = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=", re.MULTILINE) if key else None
        found = option.search(self.text, start, end) if option else None
        return self.text.count("\n", 0, heads[number].start() if found is None else found.start()) + 1


def channel_tables(shown: str, value: Any, text: str) -> ChannelTables:
    """Returns the tables.

    Args:
        shown: how messages call the file.
        value: what stands at `channels`.
        text: the file as it is written.

    Raises:
        ConfigurationError: these are no tables.
    """
    if not isinstance(value, list) or not all(isinstance(table, Mapping) for table in value):
        raise ConfigurationError(f"{shown}: channels must be tables, each below [[channels]]")
    return ChannelTables(shown, value, text)
