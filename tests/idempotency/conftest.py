"""Fixtures of the idempotency tests: the servers, once for all tests, and a store on each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server.ingest.serving import Serving
from support.databases import PgBouncer, PostgresServer, RedisClusterServers, RedisServer

from outworx_otel.idempotency import GuardedStore, IdempotencyStore, StoredAnswer, open_store

from .scale import PATIENT
from .slow import BUDGET, Slow

BACKENDS = ("memory", "sqlite", "postgresql", "redis", "cluster", "outworx")
SHARED = ("sqlite", "postgresql", "redis")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def cluster_servers() -> Iterator[RedisClusterServers]:
    with RedisClusterServers() as servers:
        yield servers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres_server: PostgresServer) -> Iterator[PgBouncer]:
    with PgBouncer(postgres_server) as server:
        yield server


@pytest.fixture(scope="session")
def outworx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`outworx serve`."""
    server = Serving(tmp_path_factory.mktemp("outworx") / "keys.db")
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _forgets_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server too forgets as fast as these tests want it to."""
    monkeypatch.setattr("outworx_otel.server.ingest.idempotency_calls.MIN_TTL", 0.0)


@pytest.fixture(scope="session")
def url_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The URL of a back-end whose server runs; SQLite and PostgreSQL get a file or table of their own each time."""

    def url(backend: str) -> str:
        number = next(_numbers)
        if backend == "memory":
            return "memory://"
        if backend == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'keys.db'}"
        if backend == "postgresql":
            return f"{request.getfixturevalue('postgres_server').url}?table=keys_{number}"
        if backend == "outworx":
            return f"outworx://127.0.0.1:{request.getfixturevalue('outworx_server').port}"
        if backend == "redis":
            return f"{request.getfixturevalue('redis_server').url}?prefix=test{number}"
        return f"{request.getfixturevalue('cluster_servers').url}&prefix=test{number}"

    return url


@pytest.fixture
def open_on(url_of: Callable[[str], str]) -> Iterator[Callable[..., Any]]:
    """Opens a store on a back-end, with all the patience a busy machine needs, and closes it after the test."""
    opened: list[IdempotencyStore] = []

    def open_one(backend: str, **options: Any) -> IdempotencyStore:
        opened.append(open_store(url_of(backend), **{"budget": PATIENT, **options}))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, open_on: Callable[..., IdempotencyStore]) -> IdempotencyStore:
    """A store on every back-end in turn."""
    return open_on(request.param)


@pytest.fixture
def answer() -> StoredAnswer:
    headers = (("content-type", "application/json"), ("etag", '"ü"'))
    return StoredAnswer(201, headers, b'{"ok": true}\x00\xff', "f" * 64, "a" * 32, "b" * 16)


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def backend() -> Slow:
    return Slow()


@pytest.fixture
def guarded(backend: Slow) -> Iterator[GuardedStore]:
    store = GuardedStore(backend, budget=BUDGET, workers=2)
    yield store
    store.close()
