"""Ordinary deliveries: one verdict, one run, one span, on every framework and by every way of switching on."""

from __future__ import annotations

from . import rows_plain
from .columns import EveryWay


class TestAnOrdinaryDelivery(EveryWay):
    ROWS = rows_plain.ROWS
