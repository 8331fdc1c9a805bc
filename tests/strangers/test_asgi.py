"""Quart, Litestar, aiohttp and slack_bolt."""

from __future__ import annotations

from door.columns import EveryWay

from . import rows_asgi


class TestOtherServersOfAPath(EveryWay):
    ROWS = rows_asgi.ROWS
