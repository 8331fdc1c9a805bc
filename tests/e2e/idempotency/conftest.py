"""Fixtures: the stores' servers, and a site that uses one of them."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from idempotency.conftest import postgres_server, redis_server  # noqa: F401  # fixtures, here too
from support.deployment import Deployment, gunicorn, uvicorn
from support.process import Server
from support.receiver import Receiver

from e2e.conftest import serving_from

from .scale import PROCESSES

SITES = Path(__file__).parent / "sites"
# What is tested is this checkout, whichever one is installed.
SOURCE = Path(__file__).parents[3] / "src"
LEASE = 1.0
# What is asked of several processes is whether the store tells all of them the truth, not how fast it does.
PATIENT = "10"
_numbers = itertools.count()


def fastapi(workers: int) -> Deployment:
    """FastAPI under uvicorn; nobody instruments it but itself."""
    return uvicorn("claiming_fastapi:app", workers=workers).bare()


def flask(workers: int) -> Deployment:
    """Flask under gunicorn: one process with threads, or several that each serve one request at a time."""
    threads = ("-k", "gthread", "--threads", "6") if workers == 1 else ()
    return gunicorn("claiming_flask:app", *threads, workers=workers).bare()


FRAMEWORKS = {"fastapi": fastapi, "flask": flask}
EVERY_PLACE = [
    f"{framework}-{store}" for framework in FRAMEWORKS for store in ("redis", "postgresql", "sqlite")
]
# Each framework and each store at least once.
SOME_PLACES = ["fastapi-redis", "flask-postgresql", "fastapi-sqlite"]


@dataclass(frozen=True)
class Site:
    """A server that runs one of the sites, and where its telemetry and its handlers' notes go."""

    server: Server
    receiver: Receiver
    witness: Path

    def url(self, kind: str = "work") -> str:
        return f"{self.server.url}/webhooks/{kind}"


StartSite = Callable[..., Site]
UrlOf = Callable[[str], str]


@contextlib.contextmanager
def sites_in(directory: Path) -> Iterator[StartSite]:
    """Starts sites; server, workers and receiver are stopped at the end."""
    receivers: list[Receiver] = []

    with serving_from(directory) as serve:

        def start(deployment: Deployment, store: str, **environ: str) -> Site:
            receivers.append(Receiver().start())
            witness = directory / f"witness-{next(_numbers)}"
            server = serve(
                deployment,
                configuration=None,
                PYTHONPATH=os.pathsep.join((str(SITES), str(SOURCE))),
                RECEIVER=receivers[-1].endpoint,
                OTEL_BSP_SCHEDULE_DELAY="50",
                SITE_STORE=store,
                SITE_WITNESS=str(witness),
                **environ,
            )
            return Site(server, receivers[-1], witness)

        yield start
    for receiver in receivers:
        receiver.stop()


@pytest.fixture
def start_site(tmp_path: Path) -> Iterator[StartSite]:
    with sites_in(tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def url_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> UrlOf:
    """The URL of a store that is empty, by the kind of store."""

    def url(kind: str) -> str:
        number = next(_numbers)
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'keys.db'}"
        if kind == "postgresql":
            return f"{request.getfixturevalue('postgres_server').url}?table=keys_{number}"
        return f"{request.getfixturevalue('redis_server').url}?prefix=test{number}"

    return url


@pytest.fixture(scope="session")
def site_there(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, url_of: UrlOf
) -> Iterator[Site]:
    """A site at the place that a test is parametrized with, the same for all tests that want this place."""
    framework, _, store = request.param.partition("-")
    with sites_in(tmp_path_factory.mktemp("site")) as start:
        deployment = FRAMEWORKS[framework](PROCESSES)
        yield start(deployment, url_of(store), SITE_LEASE=str(LEASE), SITE_BUDGET=PATIENT)


@pytest.fixture
def site(site_there: Site) -> Iterator[Site]:
    """The same; what the server logged meanwhile is shown where the test fails."""
    before = len(site_there.server.log())
    yield site_there
    print(site_there.server.log()[before:])


def at(*places: str) -> pytest.MarkDecorator:
    """Runs a test at each of these places, framework and store."""
    return pytest.mark.parametrize("site_there", places, indirect=True, scope="session")
