"""Any schedule of deliveries, kills, lost connections, races and ended databases, beside a model of what is there.

Faster than processes: a kill is every connection closed at once, which is all that a database sees of one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from integrations.asgi_apps import UnderTestClient
from integrations.flask_apps import UnderFlaskClient
from sqlalchemy import text
from support.databases import PostgresServer
from support.scale import FULL, scaled

from outworx_otel.delivery import _once_block
from outworx_otel.idempotency.transaction import Rivals

from .databases import Place
from .shops import JSON
from .sites import SITES, Site
from .stage import ATTEMPTS, at_once, by_way_of, is_done, new_event
from .wire import Fault, PostgreSQLProtocol, Watch, Wire

SITES_HERE = ("flask-Session", "flask-Session.begin", "fastapi-psycopg")
SCHEDULES = scaled(1_000, 6) // len(SITES_HERE) + 1
# Any statement of a delivery that waits for a rival, and some that are never said.
NUMBERS = st.integers(1, 12)
FAULTS = st.tuples(st.sampled_from(("kill", "lose")), NUMBERS, st.booleans())


@dataclass(frozen=True)
class Deliver:
    """One delivery of an event, or two at once, in one process or two."""

    event: int
    fault: tuple[str, int, bool] | None = None
    races: bool = False
    elsewhere: bool = False


@dataclass(frozen=True)
class EndSessions:
    """The database ends every session, as it does when it fails over."""


@dataclass(frozen=True)
class Restart:
    """The database ends at once, and comes again."""


deliveries = st.builds(
    Deliver,
    st.integers(0, 1),
    st.none() | FAULTS,
    races=st.sampled_from((False, False, True)),
    elsewhere=st.booleans(),
)
steps = st.one_of(deliveries, deliveries, deliveries, st.just(EndSessions()))
# A restart takes as long as a hundred deliveries.
schedules = st.lists(steps, min_size=3, max_size=8) | (
    st.lists(deliveries, min_size=1, max_size=2).map(lambda some: [*some, Restart(), *some])
    if FULL
    else st.nothing()
)


@dataclass
class World:
    """A site behind a wire."""

    place: Place
    server: PostgresServer
    watch: Watch
    client: Any
    is_done: Counter[str] = field(default_factory=Counter)

    def post(self, event: str) -> int:
        status: int = self.client.post(json.dumps({"id": event}).encode(), JSON).status
        return status

    def step(self, step: Any, names: list[str]) -> None:
        if isinstance(step, EndSessions):
            with self.place.engine.connect() as connection:
                connection.execute(text(_END_SESSIONS))
        elif isinstance(step, Restart):
            self.server.stop()
            self.server.start()
        else:
            self.deliver(step, names[step.event])

    def deliver(self, step: Deliver, event: str) -> None:
        self.watch.begin(self.fault(step))
        if step.races:
            answers = at_once(*[lambda: self.post(event)] * 2)
        else:
            answers = [self.post(event)]
        self.watch.wait()
        said, done = self.watch.statements, self.watch.done
        self.watch.begin()
        there = self.place.effects(event)
        if any(map(is_done, answers)) or self.is_done[event]:
            assert there == 1
        if self.is_done[event]:
            assert self.place.effect_as_said not in said, "the block has run again"
        elif not step.races:
            assert there == self.is_committed(done)
        assert there <= 1
        self.is_done[event] = there

    def fault(self, step: Deliver) -> Fault | None:
        if step.fault is None:
            return None
        kind, number, answered = step.fault
        return Fault(number, answered, lambda _: self.watch.cut() if kind == "kill" else None)

    def is_committed(self, done: list[str]) -> bool:
        """Whether the database was told the effect, and then to commit."""
        effects = [number for number, one in enumerate(done) if one == self.place.effect_as_said]
        return bool(effects) and "COMMIT" in done[effects[0] :]

    def retry(self, event: str) -> None:
        """Until it is done, and once more; a connection that waited in the pool may be dead."""
        good = 0
        for _ in range(2 * ATTEMPTS):
            good += is_done(self.post(event))
            if good == 2:
                break
        assert good == 2
        assert self.place.effects(event) == 1


_END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@pytest.fixture(params=SITES_HERE)
def world(
    request: pytest.FixtureRequest,
    place_on: Callable[[str], Place],
    configure: Callable[..., None],
    postgres_server: PostgresServer,
) -> Iterator[World]:
    place = place_on("postgresql")
    place.effect_as_said = place.effect.replace(":event", "$1")
    configure(f"{place.store}&lock_timeout=5")
    watch = Watch()
    wire = Wire(postgres_server.port, PostgreSQLProtocol, watch)
    site = Site(request.param, by_way_of(wire, place.url), "", place.ledger)
    app = SITES[site.name](site)
    client = UnderTestClient(app) if isinstance(app, FastAPI) else UnderFlaskClient(app)
    yield World(place, postgres_server, watch, client)
    wire.close()
    watch.cut()


def test_any_schedule_ends_with_one_effect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    @settings(max_examples=SCHEDULES)
    @given(schedules)
    def holds(schedule: list[Any]) -> None:
        names = [new_event(), new_event()]
        for step in schedule:
            with monkeypatch.context() as patch:
                if getattr(step, "elsewhere", False):
                    # As two processes have it: neither knows what the other one runs.
                    patch.setattr(_once_block, "rivals", lambda: Rivals())
                world.step(step, names)
        for name in names:
            world.retry(name)

    holds()
