"""Fixtures: a database of each kind, and a process that keeps keys in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integrations.conftest import (  # noqa: F401  # fixtures, here too
    Telemetry,
    _clean_process,
    telemetry,
)
from support.databases import MariaServer

import outworx_otel
from idempotency.conftest import postgres_server  # noqa: F401  # a fixture, here too
from outworx_otel import TrackOptions

from .databases import Place
from .shops import HABITS

POSTGRESQL_ONLY = frozenset(habit for habit in HABITS if "psycopg" in habit)
# MariaDB comes from Debian and takes its time to be there.
FULL = bool(os.environ.get("OUTWORX_TEST_FULL"))
PLACES = ("postgresql", "sqlite", *(("mariadb",) if FULL else ()))


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaServer]:
    with MariaServer() as server:
        yield server


@pytest.fixture
def place_on(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    def make(kind: str) -> Place:
        if kind == "sqlite":
            path = tmp_path / "shop.db"
            return Place(f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
        if kind == "mariadb":
            url = request.getfixturevalue("mariadb_server").url
            return Place(url, url.replace("pymysql", "asyncmy"))
        url = request.getfixturevalue("postgres_server").url
        return Place(url, url.replace("psycopg", "asyncpg"))

    return make


SOME = (
    ("postgresql", "fastapi-AsyncSession"),
    ("postgresql", "fastapi-AsyncConnection"),
    ("postgresql", "fastapi-sync-Session"),
    ("postgresql", "fastapi-psycopg-autocommit"),
    ("postgresql", "fastapi-psycopg.transaction"),
    ("postgresql", "flask-Flask-SQLAlchemy"),
    ("postgresql", "flask-Session.begin"),
    ("postgresql", "flask-psycopg"),
    ("sqlite", "fastapi-AsyncSession.begin"),
    ("sqlite", "flask-scoped_session"),
    ("sqlite", "flask-Engine.begin"),
)
EVERY = [
    (kind, habit)
    for kind in PLACES
    for habit in HABITS
    if kind == "postgresql" or habit not in POSTGRESQL_ONLY
]


@pytest.fixture(params=EVERY if FULL else SOME, ids="-".join)
def habit_and_place(request: pytest.FixtureRequest, place_on: Callable[[str], Place]) -> tuple[str, Place]:
    """Every habit on every database that it works on."""
    kind, habit = request.param
    return habit, place_on(kind)


@pytest.fixture
def configure(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:  # noqa: F811
    """Instruments every framework, with keys in a place's own transactions."""

    def switch_on(store: str, **options: object) -> None:
        monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", store)
        wanted = TrackOptions("stripe", **{"idempotency_key": "body.id", **options})  # type: ignore[arg-type]
        outworx_otel.instrument(
            tracer_provider=telemetry.tracer_provider,
            meter_provider=telemetry.meter_provider,
            endpoints={"/webhooks/stripe": wanted},
        )

    return switch_on
