"""No switch of OpenTelemetry's, and no setting that says less, opens an endpoint that verifies."""

from __future__ import annotations

from . import rows_switched_off
from .columns import EveryWay


class TestTelemetrySwitchedOff(EveryWay):
    ROWS = rows_switched_off.ROWS
