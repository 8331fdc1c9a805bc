"""The queue in front of the database: bounded, in groups, and empty when the store is closed."""

from __future__ import annotations

import gc
import resource
import sqlite3
from concurrent.futures import wait
from pathlib import Path

import pytest
from sqlalchemy import event
from support.scale import scaled

from outworx_otel.server.model import Batch, Filter
from outworx_otel.server.store import Store, StoreBusy
from server.store.conftest import MIB, OpenStore
from server.store.samples import DAY, NOW, batch, deliveries, one


def resident() -> int:
    """Bytes of this process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.fixture
def held(sqlite_store: Store, sqlite_url: str) -> sqlite3.Connection:
    """Somebody else's transaction, so that batches gather."""
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_a_full_queue_says_so_at_once_and_takes_more_once_it_is_written(
    sqlite_url: str, open_store: OpenStore
) -> None:
    store = open_store(sqlite_url, max_queued_bytes=MIB, lock_seconds=30)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    accepted = [store.write(Batch(deliveries=[one(id=f"{n}")], size=MIB // 4)) for n in range(4)]
    with pytest.raises(StoreBusy, match="again in 2 s"):
        store.write(Batch(deliveries=[one(id="too much")], size=MIB // 4))
    assert StoreBusy.retry_after == 2
    other.rollback()
    other.close()
    wait(accepted, 30)
    store.write(Batch(deliveries=[one(id="later")], size=MIB // 4)).result(30)
    assert len(store.deliveries(Filter(), 10).deliveries) == 5


def test_a_batch_larger_than_the_queue_is_taken_where_it_is_alone(
    sqlite_url: str, open_store: OpenStore
) -> None:
    store = open_store(sqlite_url, max_queued_bytes=MIB)
    store.write(Batch(deliveries=[one()], size=5 * MIB)).result(20)


def test_what_gathers_meanwhile_is_one_transaction(sqlite_store: Store, held: sqlite3.Connection) -> None:
    commits: list[int] = []
    event.listen(sqlite_store._database.writing, "commit", lambda _: commits.append(1))
    waiting = [sqlite_store.write(batch(one(id=f"{n}"))) for n in range(100)]
    held.rollback()
    held.close()
    wait(waiting, 30)
    assert all(future.exception() is None for future in waiting)
    # The first, which was waiting for the lock by itself, and the others; and housekeeping.
    assert len(commits) <= 5


def test_what_is_queued_is_written_before_the_store_closes(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url)
    waiting = [store.write(batch(*deliveries(100, seed=n))) for n in range(30)]
    store.close()
    assert all(future.done() and future.exception() is None for future in waiting)
    with pytest.raises(StoreBusy):
        store.write(batch(one()))
    assert len(list(open_store(sqlite_url).iterate(Filter(), 5000))) == 3000


def test_who_gives_up_waiting_does_not_stop_the_writer(sqlite_store: Store, held: sqlite3.Connection) -> None:
    abandoned = sqlite_store.write(batch(one(id="abandoned")))
    abandoned.cancel()
    held.rollback()
    held.close()
    sqlite_store.write(batch(one(id="next"))).result(30)
    assert sqlite_store.delivery("abandoned") is not None


def test_memory_stays_flat_while_tens_of_thousands_of_deliveries_pour_in(sqlite_store: Store) -> None:
    def pour(seed: int) -> None:
        made = deliveries(10_000, NOW - DAY, NOW, seed)
        for _ in range(20):
            sqlite_store.write(batch(*(next(made) for _ in range(500)))).result(60)
        gc.collect()

    pour(1)
    before = resident()
    for seed in range(2, scaled(6, 3)):
        pour(seed)
    assert resident() - before < 20 * MIB
