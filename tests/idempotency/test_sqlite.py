"""What is particular to SQLite: two commits per delivery, a clock that may jump, a file that others write."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import Claimed, Completed, InProgress, StoredAnswer, open_store
from outworx_otel.idempotency.sqlite import SqliteBackend
from outworx_otel.idempotency.store_address import parse_store_url

from .scale import SLACK


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend(sqlite_path: Path, clock: Clock) -> Iterator[SqliteBackend]:
    backend = SqliteBackend(
        parse_store_url(f"sqlite:///{sqlite_path}", frozenset()), table="keys", budget=5, clock=clock
    )
    yield backend
    backend.close()


def test_it_is_in_wal_mode(backend: SqliteBackend, sqlite_path: Path) -> None:
    backend.claim("key", "token", 30)
    with sqlite3.connect(sqlite_path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_delivery_costs_two_commits_and_a_duplicate_none(
    backend: SqliteBackend, sqlite_path: Path, answer: StoredAnswer
) -> None:
    commits = commit_counter(sqlite_path)
    backend.claim("first", "token", 30)
    before = commits()
    backend.claim("key", "token", 30)
    backend.complete("key", "token", answer, 60)
    assert commits() == before + 2
    backend.claim("key", "other", 30)
    backend.claim("first", "other", 30)
    backend.complete("key", "other", answer, 60)
    backend.release("key", "other")
    assert commits() == before + 2


def commit_counter(path: Path) -> Callable[[], int]:
    """Frames of the write-ahead log that end a transaction (https://www.sqlite.org/fileformat.html, 4.1)."""

    def count() -> int:
        wal = path.with_name(path.name + "-wal").read_bytes()
        page = int.from_bytes(wal[8:12], "big")
        frames = range(32, len(wal), 24 + page)
        return sum(wal[at + 4 : at + 8] != bytes(4) for at in frames)

    return count


def test_a_clock_set_forward_ends_leases_early_and_the_late_holder_is_fenced(
    backend: SqliteBackend, clock: Clock, answer: StoredAnswer
) -> None:
    backend.claim("key", "first", 30)
    clock.now += 3000
    assert backend.claim("key", "second", 30) == Claimed("second")
    assert not backend.complete("key", "first", answer, 60)
    assert backend.complete("key", "second", answer, 60)


def test_a_clock_set_back_starts_the_lease_again_so_that_a_dead_holder_frees_its_key(
    backend: SqliteBackend, clock: Clock
) -> None:
    backend.claim("key", "first", 30)
    clock.now -= 86_400
    assert backend.claim("key", "second", 30) == InProgress(30)
    clock.now += 29
    assert isinstance(backend.claim("key", "second", 30), InProgress)
    clock.now += 2
    assert backend.claim("key", "second", 30) == Claimed("second")


def test_a_clock_set_back_takes_nothing_from_a_live_holder(
    backend: SqliteBackend, clock: Clock, answer: StoredAnswer
) -> None:
    backend.claim("key", "first", 30)
    clock.now -= 86_400
    backend.claim("key", "second", 1)
    clock.now += 10
    assert backend.renew("key", "first", 30)
    clock.now += 25
    assert isinstance(backend.claim("key", "second", 30), InProgress)
    assert backend.complete("key", "first", answer, 60)
    assert backend.claim("key", "second", 30) == Completed(answer)


def test_expired_rows_are_removed_in_batches(
    backend: SqliteBackend, clock: Clock, answer: StoredAnswer, sqlite_path: Path
) -> None:
    for number in range(450):
        backend.claim(str(number), "token", 30)
        backend.complete(str(number), "token", answer, 60)
    backend.claim("running", "token", 30)
    assert not backend.tidy()
    clock.now += 61
    assert [backend.tidy() for _ in range(4)] == [True, True, False, False]
    with sqlite3.connect(sqlite_path) as other:
        assert other.execute("SELECT key FROM keys").fetchall() == [("running",)]


def test_removal_finds_expired_rows_by_an_index(backend: SqliteBackend, sqlite_path: Path) -> None:
    backend.claim("key", "token", 30)
    engine = backend._ready()
    sent: list[tuple[str, tuple[float, ...]]] = []
    event.listen(engine, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
    backend.tidy()
    statement, parameters = sent[0]
    with sqlite3.connect(sqlite_path) as other:
        plan = other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert any("keys_expires" in row[3] for row in plan)


def test_another_writer_holds_nobody_up_longer_than_the_budget(sqlite_path: Path) -> None:
    store = open_store(f"sqlite:///{sqlite_path}")
    assert store.claim("key", "token", 30) == Claimed("token")
    writer = sqlite3.connect(sqlite_path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StoreError):
        store.claim("new", "token", 30)
    assert time.monotonic() - began < 0.25 + SLACK
    assert isinstance(store.claim("key", "other", 30), InProgress), "a duplicate only reads"
    writer.execute("COMMIT")
    writer.close()
    assert store.claim("new", "token", 30) == Claimed("token")
    store.close()


def test_a_short_lock_of_another_writer_goes_unnoticed(sqlite_path: Path) -> None:
    store = open_store(f"sqlite:///{sqlite_path}", budget=5)
    store.claim("key", "token", 30)
    writer = sqlite3.connect(sqlite_path, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.1, lambda: writer.execute("COMMIT"))
    timer.start()
    assert store.claim("new", "token", 30) == Claimed("token")
    timer.join()
    writer.close()
    store.close()


def test_answers_survive_the_process(sqlite_path: Path, answer: StoredAnswer) -> None:
    for token, expected in (("first", Claimed("first")), ("second", Completed(answer))):
        store = open_store(f"sqlite:///{sqlite_path}", budget=5)
        assert store.claim("key", token, 30) == expected
        store.complete("key", token, answer, 60)
        store.close()
