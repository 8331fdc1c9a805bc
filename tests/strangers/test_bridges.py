"""One framework below another, with adapters and instrumentors on each."""

from __future__ import annotations

from door.columns import EveryWay

from . import rows_bridges


class TestBridges(EveryWay):
    ROWS = rows_bridges.ROWS
