"""One filled server for everything that only looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from outworx_otel.server import Settings
from outworx_otel.server.model import Batch, StoredDelivery
from server.dashboard.attacks import hostile
from server.dashboard.browsing import chromium
from server.dashboard.kept import one_of_each
from server.dashboard.serving import client_of, filled, listening
from server.dashboard.target import Application


@pytest.fixture(scope="session")
def kept() -> Batch:
    """What the filled server holds."""
    batch = one_of_each()
    batch.deliveries.append(hostile(ago=20))
    return batch


@pytest.fixture(scope="session")
def by_outcome(kept: Batch) -> dict[str, StoredDelivery]:
    """The first of each kind; the hostile one is `hostile`."""
    found: dict[str, StoredDelivery] = {"hostile": kept.deliveries[-1]}
    for delivery in kept.deliveries[:-1]:
        found.setdefault(delivery.outcome, delivery)
    return found


@pytest.fixture(scope="session")
def settings(kept: Batch, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of the filled server."""
    return filled(tmp_path_factory.mktemp("dashboard"), kept)


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the filled server."""
    with client_of(settings) as client:
        yield client


@pytest.fixture(scope="session")
def address(settings: Settings) -> Iterator[str]:
    """Where the filled server listens."""
    with listening(settings) as address:
        yield address


# Of the module: as long as Playwright runs, no other test of this thread can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def application() -> Iterator[Application]:
    """Where replays can be sent to."""
    with Application() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.open.set()
        server.shutdown()
        thread.join()
