"""A site, its database, and what stands between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import make_url
from support.databases import Server

from .databases import Place
from .nursery import Nursery, Worker
from .sites import Site
from .wire import Fault, MariaDBProtocol, PostgreSQLProtocol, Watch, Wire

ATTEMPTS: Final = 60
_PROTOCOLS: Final = {"postgresql": PostgreSQLProtocol, "mysql": MariaDBProtocol}
# Without TLS, so that the wire can be read.
_OPTIONS: Final[dict[str, Any]] = {
    "psycopg": {"sslmode": "disable", "gssencmode": "disable"},
    "asyncpg": {"ssl": "disable"},
}
_events = itertools.count()
Case = tuple[int, bool]


def new_event() -> str:
    return f"evt_{next(_events)}"


@dataclass
class Crew:
    """One worker at a time, whose statements go over a wire of its own; after a kill there is a new one."""

    nursery: Nursery
    site: Site
    wire: Wire | None = None
    _worker: Worker | None = field(default=None, init=False)

    @property
    def worker(self) -> Worker:
        if self._worker is None or self._worker.is_killed:
            self._worker = self.nursery.worker(self.site)
        return self._worker

    def post(self, event: str) -> int | None:
        return self.worker.post(event)


class Stage:
    """Delivers events to a site, and sees to it that each takes effect once.

    Args:
        nursery: forks workers.
        name: of the site.
        place: its tables.
        server: of the database; None for SQLite.
        lock_timeout: of the store.
    """

    def __init__(
        self, nursery: Nursery, name: str, place: Place, server: Server | None, lock_timeout: float = 2.0
    ) -> None:
        self.place = place
        self.server = server
        self.watch = Watch()
        self._crews: list[Crew] = []
        self._nursery = nursery
        scheme = "django://default" if name == "django" else "transaction://"
        store = f"{scheme}?table={place.keys}&lock_timeout={lock_timeout:g}"
        self._site = Site(name, place.async_url if "Async" in name else place.url, store, place.ledger)
        self.crew = self.new_crew()

    def new_crew(self) -> Crew:
        """With a wire of its own, where the database has one."""
        site, wire = self._site, None
        if self.server is not None:
            wire = Wire(self.server.port, _PROTOCOLS[make_url(site.url).get_backend_name()], self.watch)
            site = replace(site, url=by_way_of(wire, site.url))
        self._crews.append(Crew(self._nursery, site, wire))
        return self._crews[-1]

    def close(self) -> None:
        for crew in self._crews:
            if crew.wire is not None:
                crew.wire.close()
        self._nursery.empty()

    # -- what can happen at a statement ------------------------------------------------------------------------

    def kill(self, wire: Wire) -> None:
        """The worker that said the statement ends."""
        next(crew for crew in self._crews if crew.wire is wire).worker.kill()

    def lose(self, wire: Wire) -> None:
        """The connection is closed, and its worker goes on."""

    def restart(self, wire: Wire) -> None:
        """The database ends at once, without a word to anybody, and comes again."""
        assert self.server is not None
        self.server.stop()
        self.server.start()

    # -- deliveries --------------------------------------------------------------------------------------------

    def statements(self) -> list[str]:
        """What one delivery says to the database, once its worker is warm."""
        for _ in range(2):
            self.watch.begin()
            status = self.crew.post(new_event())
            assert status == 201, status
            # On an event loop the answer is kept once it is sent.
            self.watch.wait_for(_is_kept)
        return self.watch.statements

    def dying_worker(self, number: int) -> Worker:
        """Kills itself before a statement of SQLite."""
        return self._nursery.worker(replace(self._site, dies_at=number))

    def retry(self, event: str, last: int | None = None) -> None:
        """Delivers an event until that is answered by 2xx, as its sender does, and the same again."""
        answers: list[int | None] = [last]
        for _ in range(2):
            while not is_done(answers[-1]):
                assert self.place.effects(event) <= 1
                assert len(answers) < ATTEMPTS, answers
                answers.append(self.crew.post(event))
            assert self.place.effects(event) == 1, answers
            answers.append(None)

    def break_at(self, choose: Callable[[list[str]], Iterable[Case]], does: Callable[[Wire], object]) -> None:
        """Has something happen to a delivery at each statement that is chosen, and retries it."""
        statements = self.statements()
        for number, answered in choose(statements):
            event = new_event()
            self.watch.begin(Fault(number, answered, does))
            status = self.crew.post(event)
            self.watch.wait_for(lambda said, number=number: len(said) >= number)
            self.watch.wait()
            # What comes after the commit is left undone where the machine is busy.
            assert self.watch.happened or "COMMIT" in statements[: number - 1], (number, statements)
            self.watch.begin()
            self.retry(event, status)


def _is_kept(said: list[str]) -> bool:
    keeping = [number for number, one in enumerate(said) if one.startswith("UPDATE")]
    return bool(keeping) and "COMMIT" in said[keeping[0] :]


def by_way_of(wire: Wire, url: str) -> str:
    """The URL of SQLAlchemy's that leads over a wire."""
    address = make_url(url)
    options = _OPTIONS.get(address.get_driver_name(), {})
    return address.set(port=wire.port).update_query_dict(options).render_as_string(hide_password=False)


def every(statements: list[str]) -> list[Case]:
    """Each statement, before the database has it and after its answer."""
    return [(number, answered) for number in range(1, len(statements) + 1) for answered in (False, True)]


def at_commit(statements: list[str]) -> list[Case]:
    """The first commit, before the database has it and after its answer."""
    number = statements.index("COMMIT") + 1
    return [(number, False), (number, True)]


def each_once(statements: list[str]) -> list[Case]:
    """Each statement, in one of both ways; commits in both."""
    return [
        (number, answered)
        for number, answered in every(statements)
        if statements[number - 1] == "COMMIT" or answered == bool(number % 2)
    ]


def is_done(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Calls them in threads of their own."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [one.result(120) for one in [threads.submit(call) for call in calls]]
