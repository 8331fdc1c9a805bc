"""How much of everything: a part by default, all of it with `OUTWORX_TEST_FULL=1`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

Row = TypeVar("Row")

FULL: Final = os.environ.get("OUTWORX_TEST_FULL") == "1"


def scaled(full: int, otherwise: int) -> int:
    """`full` in a full run, else the smaller number."""
    return full if FULL else otherwise


def rows(always: Sequence[Row], further: Sequence[Row]) -> list[Row]:
    """Parameters of a test: `always` covers the pairs, a full run takes the `further` ones too."""
    return [*always, *(further if FULL else ())]
