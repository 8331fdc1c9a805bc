"""Servers that hang, die and come back: no operation outlasts its budget, and the breaker opens and closes."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from support.databases import PostgresServer, RedisServer, Server, until

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import (
    Claimed,
    Completed,
    GuardedStore,
    IdempotencyStore,
    StoredAnswer,
    breaker,
    open_store,
)
from outworx_otel.idempotency.breaker import THRESHOLD

from .scale import SCALE, SLACK

BUDGET = 0.25
# Shorter than the real one, so that the tests are.
PAUSE = 0.4


@pytest.fixture(scope="module", params=["redis", "postgresql"])
def mistreated(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that no other module uses."""
    server: Server = RedisServer() if request.param == "redis" else PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def server(mistreated: Server) -> Iterator[Server]:
    """The same, well at the beginning of each test."""
    mistreated.restore()
    yield mistreated
    mistreated.restore()


@pytest.fixture
def store(server: RedisServer | PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[GuardedStore]:
    monkeypatch.setattr(breaker, "FIRST_PAUSE", PAUSE)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE", PAUSE * 2)
    store = open_store(server.url, budget=BUDGET)
    assert isinstance(store, GuardedStore)
    until(lambda: claim(store), "the first connection")
    yield store
    store.close()


@pytest.fixture
def key() -> str:
    """No other test's, of those that share the server."""
    return secrets.token_hex()


def claim(store: IdempotencyStore) -> bool:
    return store.claim(secrets.token_hex(), "token", 30) == Claimed("token")


def timed(work: Callable[[], object]) -> float:
    """How long a failing operation took."""
    began = time.monotonic()
    with pytest.raises(StoreError):
        work()
    return time.monotonic() - began


def recovers(store: GuardedStore) -> None:
    until(lambda: claim(store), "the recovery")
    assert store.counts.state == "closed"


def test_a_hung_server_costs_no_operation_more_than_its_budget(server: Server, store: GuardedStore) -> None:
    before = store.counts
    server.hang()
    slow = [timed(lambda: claim(store)) for _ in range(THRESHOLD)]
    quick = [timed(lambda: claim(store)) for _ in range(100)]
    assert all(BUDGET * 0.9 < spent < BUDGET + SLACK for spent in slow)
    assert sum(quick) < 0.2
    assert store.counts.opened == 1
    server.resume()
    recovers(store)
    assert store.counts.closed == 1
    assert store.counts.timed_out - before.timed_out >= THRESHOLD


def test_a_server_that_hangs_for_long_is_tried_by_one_operation_at_a_time(
    server: Server, store: GuardedStore
) -> None:
    server.hang()
    spent: list[float] = []

    def ask() -> None:
        gives_up = time.monotonic() + PAUSE + 0.7
        while time.monotonic() < gives_up:
            spent.append(timed(lambda: claim(store)))
            time.sleep(0.02)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(spent) < BUDGET + SLACK
    # Those under way when it opened, and one later.
    assert sum(one > BUDGET / 2 for one in spent) <= 4 + 1
    server.resume()
    recovers(store)


def test_a_server_that_died_fails_at_once_and_is_found_again(
    server: Server, store: GuardedStore, answer: StoredAnswer, key: str
) -> None:
    server.stop()
    assert timed(lambda: claim(store)) < BUDGET + SLACK
    for _ in range(20):
        timed(lambda: claim(store))
    assert store.counts.state == "open"
    server.start()
    recovers(store)
    assert store.claim(key, "token", 30) == Claimed("token")
    assert store.complete(key, "token", answer, 60)


def test_a_restart_between_two_operations_goes_unnoticed(
    server: Server, store: GuardedStore, answer: StoredAnswer
) -> None:
    failures = 0
    for _ in range(3):
        server.stop()
        server.start()
        try:
            claim(store)
        except StoreError:
            # PostgreSQL may take longer than the budget for its first connection on a busy machine.
            failures += 1
            time.sleep(0.5)
    assert failures <= 1


def test_a_commit_whose_answer_was_lost_can_be_repeated(
    server: Server, store: GuardedStore, answer: StoredAnswer, key: str
) -> None:
    store.claim(key, "token", 30)
    server.hang()
    timed(lambda: store.complete(key, "token", answer, 60))
    server.resume()
    until(lambda: store.complete(key, "token", answer, 60), "the commit")
    assert store.claim(key, "other", 30) == Completed(answer)


def test_under_load_every_operation_is_answered_or_refused_in_time_and_counted(
    server: Server, store: GuardedStore
) -> None:
    before = store.counts
    spent: list[float] = []
    errors: list[BaseException] = []
    stop = threading.Event()

    def once(operation: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            operation()
        except StoreError:
            pass
        except BaseException as error:  # noqa: BLE001  # reported by the test
            errors.append(error)
        spent.append(time.monotonic() - began)

    def hammer() -> None:
        while not stop.is_set():
            once(lambda: claim(store))
            time.sleep(0.002)

    async def ahammer() -> None:
        async def one() -> None:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    await store.aclaim(secrets.token_hex(), "token", 30)
                except StoreError:
                    await asyncio.sleep(0)
                spent.append(time.monotonic() - began)
                await asyncio.sleep(0.002)

        await asyncio.gather(*(one() for _ in range(10)))

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    threads.append(threading.Thread(target=lambda: asyncio.run(ahammer())))
    for thread in threads:
        thread.start()
    for _ in range(SCALE):
        time.sleep(0.3)
        server.hang()
        time.sleep(0.6)
        server.resume()
        time.sleep(0.3)
        server.stop()
        time.sleep(0.3)
        server.start()
        time.sleep(0.3)
    until(lambda: store.counts.state == "closed", "the recovery")
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert max(spent) < BUDGET + SLACK
    after = store.counts
    names = ("succeeded", "failed", "refused", "opened", "closed")
    seen = [getattr(after, name) - getattr(before, name) for name in names]
    assert sum(seen[:3]) == len(spent)
    assert seen[3] == seen[4] >= 1


def test_a_server_without_its_scripts_is_given_them_again(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    until(lambda: claim(store), "the first connection")
    with redis_server.client() as client:
        client.script_flush()
    assert claim(store)
    store.close()


def test_waiting_for_a_server_that_never_greets_is_bounded_from_the_first_operation_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        for url in (
            f"redis://{place}",
            f"redis://{place}?cluster=true",
            f"postgresql+psycopg://user@{place}/x",
        ):
            store = open_store(url, budget=BUDGET)
            assert timed(lambda store=store: claim(store)) < BUDGET + SLACK
            store.close()
