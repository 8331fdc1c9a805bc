"""A worker that is killed at any statement, a database that is, a connection that is lost: one effect, each time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import text
from support.scale import FULL, rows

from outworx_otel.idempotency import hashed_key

from .databases import Place
from .nursery import Nursery
from .stage import Stage, at_commit, at_once, each_once, every, is_done, new_event
from .test_rivals import claim_elsewhere
from .wire import Fault

Open = Callable[..., Stage]
cases = every if FULL else each_once


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path_factory.mktemp("nursery") / "log")
    yield nursery
    nursery.close()


@pytest.fixture
def open_stage(
    request: pytest.FixtureRequest, nursery: Nursery, place_on: Callable[[str], Place]
) -> Iterator[Open]:
    opened: list[Stage] = []
    servers = {"postgresql": "postgres_server", "mariadb": "mariadb_server"}

    def open_one(site: str, kind: str, **options: float) -> Stage:
        place = place_on(kind)
        server = request.getfixturevalue(servers[kind]) if kind in servers else None
        opened.append(Stage(nursery, site, place, server, **options))
        return opened[-1]

    yield open_one
    for stage in opened:
        stage.close()


@pytest.mark.parametrize(
    ("site", "kind"),
    rows(
        [("fastapi-AsyncSession", "postgresql")],
        [
            ("fastapi-psycopg", "postgresql"),
            ("flask-Session", "postgresql"),
            ("flask-Session.begin", "postgresql"),
            ("django", "postgresql"),
            ("flask-Session", "mariadb"),
            ("flask-Session.begin", "mariadb"),
            ("fastapi-AsyncSession", "mariadb"),
        ],
    ),
)
def test_a_worker_is_killed_at_any_statement(site: str, kind: str, open_stage: Open) -> None:
    stage = open_stage(site, kind)
    stage.break_at(cases, stage.kill)


@pytest.mark.parametrize(
    "site", rows(["django"], ["flask-Session", "flask-Session.begin", "fastapi-AsyncSession"])
)
def test_a_worker_is_killed_at_any_statement_of_sqlite(site: str, open_stage: Open) -> None:
    stage = open_stage(site, "sqlite")
    for number in itertools.count(1):
        event = new_event()
        status = stage.dying_worker(number).post(event)
        assert status in (None, 201)
        stage.retry(event, status)
        if status is not None:
            break
    # The key, the effect, the answer, and what begins and ends them.
    assert number > 5


@pytest.mark.parametrize(
    ("site", "kind"),
    rows(
        [("flask-Session", "postgresql")],
        [
            ("fastapi-AsyncSession", "postgresql"),
            ("fastapi-psycopg", "postgresql"),
            ("flask-Session.begin", "postgresql"),
            ("django", "postgresql"),
            ("flask-Session", "mariadb"),
            ("fastapi-AsyncSession", "mariadb"),
        ],
    ),
)
def test_a_connection_is_lost_at_any_statement(site: str, kind: str, open_stage: Open) -> None:
    """At a commit, the worker cannot know what came of it."""
    stage = open_stage(site, kind)
    stage.break_at(cases, stage.lose)


@pytest.mark.parametrize(
    "site",
    rows(["django"], ["flask-Session", "fastapi-AsyncSession", "fastapi-psycopg", "flask-Session.begin"]),
)
def test_the_database_is_killed_at_any_statement(site: str, open_stage: Open) -> None:
    stage = open_stage(site, "postgresql")
    stage.break_at(every if FULL else at_commit, stage.restart)


@pytest.mark.parametrize(
    "site", rows(["fastapi-psycopg"], ["fastapi-AsyncSession", "flask-Session", "django"])
)
def test_two_workers_race_and_one_of_them_is_killed(site: str, open_stage: Open) -> None:
    stage = open_stage(site, "postgresql", lock_timeout=30)
    statements = stage.statements()
    other = stage.new_crew()
    other.post(new_event())
    chosen = (
        every(statements * 2) if FULL else [(number, True) for number in range(1, len(statements) + 1, 2)]
    )
    for number, answered in chosen:
        event = new_event()
        stage.watch.begin(Fault(number, answered, stage.kill))
        answers = at_once(partial(stage.crew.post, event), partial(other.post, event))
        stage.watch.wait()
        stage.watch.begin()
        if any(map(is_done, answers)):
            assert stage.place.effects(event) == 1
        stage.retry(event)


@pytest.mark.parametrize("end", rows(["commit"], ["rollback"]))
def test_a_worker_is_killed_while_it_waits_for_a_rival(end: str, open_stage: Open) -> None:
    stage = open_stage("flask-Session", "postgresql", lock_timeout=0.1)
    stage.statements()
    for number in itertools.count(1):
        event = new_event()
        rival = claim_elsewhere(stage.place, hashed_key("stripe /webhooks/stripe", event))
        with rival:
            rival.execute(text(stage.place.effect), {"event": event})
            stage.watch.begin(Fault(number, bool(number % 2), stage.kill))
            status = stage.crew.post(event)
            stage.watch.wait()
            happened = stage.watch.happened
            stage.watch.begin()
            assert happened or status == 409
            getattr(rival, end)()
        stage.retry(event, status)
        if not happened:
            break
    # The lock time-out is read, set and comes.
    assert number > 4
