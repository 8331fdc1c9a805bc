"""Flask-RESTX, APIFlask and Connexion."""

from __future__ import annotations

from door.columns import EveryWay

from . import rows_flask


class TestUponFlask(EveryWay):
    ROWS = rows_flask.ROWS
