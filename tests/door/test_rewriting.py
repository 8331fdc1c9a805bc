"""What is changed between the door and the route changes nothing about the check."""

from __future__ import annotations

from . import rows_rewriting
from .columns import EveryWay


class TestARewrittenRequest(EveryWay):
    ROWS = rows_rewriting.ROWS
