"""Whether a request has a body is learnt from its stream, never from a header or a method."""

from __future__ import annotations

from . import rows_lengths
from .columns import EveryWay


class TestABodyOfUnknownLength(EveryWay):
    ROWS = rows_lengths.ROWS
