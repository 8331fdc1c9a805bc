"""An endpoint that is configured by its path is closed, whatever serves the path."""

from __future__ import annotations

from . import rows_served
from .columns import EveryWay


class TestAPathServedBySomethingElse(EveryWay):
    ROWS = rows_served.ROWS
