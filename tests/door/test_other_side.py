"""What is genuine reaches its handler, also where the door alone cannot tell."""

from __future__ import annotations

from . import rows_other_side
from .columns import EveryWay


class TestWhatIsGenuine(EveryWay):
    ROWS = rows_other_side.ROWS
