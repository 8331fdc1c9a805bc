"""Django Ninja and Django REST framework."""

from __future__ import annotations

from door.columns import EveryWay

from . import rows_django


class TestUponDjango(EveryWay):
    ROWS = rows_django.ROWS
