"""Deliveries of one event at the same time: one runs, a few wait for it, the rest are told to come again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import flask
import pytest
from integrations.conftest import Telemetry
from integrations.flask_apps import UnderFlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from support.calls import PATH
from support.databases import until

import outworx_otel
from outworx_otel.delivery._once_block import _made
from outworx_otel.delivery.flow import run_sync
from outworx_otel.idempotency import Claimed, hashed_key
from outworx_otel.idempotency.transaction import dialect_of
from outworx_otel.idempotency.transaction.alchemy import AlchemyConnection

from .conftest import FULL
from .databases import Place
from .shops import BODY, JSON, Acts, open_shop

Configure = Callable[..., None]
KEY = hashed_key("stripe /webhooks/stripe", "evt_1")


class NoWait:
    seconds = 0.0

    def may(self) -> bool:
        return False


def claim_elsewhere(place: Place, key: str = KEY) -> Any:
    """Another process's open transaction that has claimed the event."""
    connection = place.engine.connect()
    face = AlchemyConnection(connection)
    face.open()
    steps = dialect_of(face.database, place.keys).claim(face, key, 2e9, NoWait())
    assert run_sync(_made(steps)) == Claimed("")
    return connection


HABITS_ON = [
    ("postgresql", "flask-Session"),
    ("postgresql", "fastapi-AsyncSession"),
    ("postgresql", "fastapi-psycopg"),
    ("postgresql", "flask-psycopg"),
    *((("mariadb", "flask-Session"), ("mariadb", "fastapi-AsyncSession")) if FULL else ()),
]


@pytest.mark.parametrize(("kind", "habit"), HABITS_ON)
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_rival_in_another_process_is_waited_for(
    kind: str, habit: str, end: str, place_on: Callable[[str], Place], configure: Configure
) -> None:
    place, acts = place_on(kind), Acts()
    configure(f"{place.store}&lock_timeout=30")
    shop = open_shop(habit, place, acts)
    other = claim_elsewhere(place)
    with ThreadPoolExecutor() as threads, other:
        waiting = threads.submit(shop.post)
        until_it_waits(place, waiting)
        getattr(other, end)()
        answer = waiting.result(30)
    assert (answer.status, acts.runs) == ((200, []) if end == "commit" else (201, ["block"]))


def until_it_waits(place: Place, delivery: Future[Any]) -> None:
    """Until a delivery waits in the database."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    if "mysql" in place.url:
        asked = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"

    def waits() -> bool:
        with place.engine.connect() as connection:
            if "mysql" in place.url:
                # Asked more often, it gives what it gave before.
                connection.execute(text("SELECT SLEEP(0.2)"))
            return delivery.done() or connection.execute(text(asked)).scalar_one() > 0

    until(waits, "a delivery that waits", 20)


@pytest.mark.parametrize(("kind", "habit"), [*HABITS_ON, ("postgresql", "flask-Session.begin")])
def test_a_rival_that_takes_too_long_is_told_to_the_sender(
    kind: str, habit: str, place_on: Callable[[str], Place], configure: Configure, telemetry: Telemetry
) -> None:
    place, acts = place_on(kind), Acts()
    configure(f"{place.store}&lock_timeout=0.1")
    shop = open_shop(habit, place, acts)
    with claim_elsewhere(place) as other:
        answer = shop.post()
        other.rollback()
    assert (answer.status, acts.runs) == (409, [])
    assert int(answer.headers["retry-after"]) >= 1
    assert telemetry.said("idempotency.outcome") == telemetry.said("outcome") == "in_flight"
    assert shop.post().status == 201


def test_sqlites_rival_is_another_writer(place_on: Callable[[str], Place], configure: Configure) -> None:
    place = place_on("sqlite")
    configure(f"{place.store}&lock_timeout=0.1")
    shop = open_shop("flask-Session", place, Acts())
    with place.engine.begin() as other:
        other.execute(text(place.effect), {"event": "another"})
        assert shop.post().status == 409
    assert shop.post().status == 201


def test_the_callers_own_lock_timeout_is_as_before(
    place_on: Callable[[str], Place], configure: Configure
) -> None:
    place = place_on("postgresql")
    configure(f"{place.store}&lock_timeout=30")
    found: list[str] = []
    engine = create_engine(place.url, connect_args={"options": "-c lock_timeout=1234"})
    app = flask.Flask("shop")

    @app.post(PATH)
    def handle() -> str:
        with Session(engine) as session, outworx_otel.current_track().once(session):
            found.append(session.execute(text("SHOW lock_timeout")).scalar_one())
        return "done"

    other = claim_elsewhere(place)
    with ThreadPoolExecutor() as threads, other:
        waiting = threads.submit(UnderFlaskClient(app).post, BODY, JSON)
        until_it_waits(place, waiting)
        other.rollback()
        assert waiting.result(30).status == 200
    assert found == ["1234ms"]


def test_a_storm_of_retries_leaves_connections_for_others(
    place_on: Callable[[str], Place], configure: Configure
) -> None:
    place = place_on("postgresql")
    configure(f"{place.store}&lock_timeout=30")
    engine = create_engine(place.url, pool_size=5, max_overflow=0, pool_timeout=30)
    app, begun, refused = flask.Flask("shop"), threading.Event(), threading.Semaphore(0)

    @app.post(PATH)
    def handle() -> str:
        with Session(engine) as session, outworx_otel.current_track().once(session):
            begun.set()
            session.execute(text(place.effect), {"event": "evt_1"})
            for _ in range(200 - 1 - 4):
                assert refused.acquire(timeout=30)
            with engine.connect() as others:
                others.execute(text("SELECT 1"))
            assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
        return "done"

    def post() -> int:
        status = UnderFlaskClient(app).post(BODY, JSON).status
        if status == 409:
            refused.release()
        return status

    with ThreadPoolExecutor(200) as threads:
        statuses = [threads.submit(post) for _ in range(200)]
        counted = [one.result(60) for one in statuses]
    engine.dispose()
    assert (counted.count(200), counted.count(409)) == (5, 195)
    assert place.effects() == 1


@pytest.mark.parametrize(("kind", "habit"), [*HABITS_ON, ("postgresql", "flask-Session.begin")])
def test_two_that_race_take_effect_once(
    kind: str, habit: str, place_on: Callable[[str], Place], configure: Configure, telemetry: Telemetry
) -> None:
    place = place_on(kind)
    configure(f"{place.store}&lock_timeout=30")
    acts, start = Acts(), threading.Barrier(2)
    shop = open_shop(habit, place, acts)

    def post() -> int:
        start.wait(30)
        return shop.post().status

    with ThreadPoolExecutor(2) as threads:
        statuses = sorted(one.result(60) for one in [threads.submit(post) for _ in range(2)])
    assert statuses in ([200, 201], [201, 201], [201, 409])
    assert place.effects() == 1
