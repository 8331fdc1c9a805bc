"""A marked handler runs inside a delivery that was verified for it, or not at all."""

from __future__ import annotations

from . import rows_hidden
from .columns import EveryWay


class TestAHiddenHandler(EveryWay):
    ROWS = rows_hidden.ROWS
