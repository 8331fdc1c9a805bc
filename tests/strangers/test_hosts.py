"""Functions as a service."""

from __future__ import annotations

from door.columns import EveryWay

from . import rows_hosts


class TestHosts(EveryWay):
    ROWS = rows_hosts.ROWS
