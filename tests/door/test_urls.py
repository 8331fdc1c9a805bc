"""A view that serves a verifying endpoint verifies by whatever URL it is called."""

from __future__ import annotations

from . import rows_urls
from .columns import EveryWay


class TestAnotherURLOfTheSameView(EveryWay):
    ROWS = rows_urls.ROWS
